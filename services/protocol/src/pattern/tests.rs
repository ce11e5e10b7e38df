//! Patterns against examples, against a plain recursive matcher, and containment against brute force.

use proptest::prelude::*;

use super::*;

fn pattern(source: &str) -> ChannelPattern {
    source.parse().unwrap()
}

#[test]
fn the_examples_of_the_spec_hold() {
    for (source, name, expected) in [
        ("app/*", "app/room-1", true),
        ("app/*", "app/sub/deep", false),
        ("app/**", "app/room-1", true),
        ("app/**", "app/sub/deep", true),
        ("app/**", "app", false),
        ("room-*", "room-42", true),
        ("room-*", "room-", true),
        ("room-*", "Room-42", false),
        ("devices/*/events", "devices/7/events", true),
        ("devices/*/events", "devices/7/8/events", false),
        ("fleet/sensor-*/telemetry", "fleet/sensor-9/telemetry", true),
        (r"a\*", "a*", true),
        (r"a\*", "ab", false),
        (r"a\\b", r"a\b", true),
        (r"a\b", r"a\b", true),
        (r"a\", r"a\", true),
        ("**/x", "/x", true),
        ("**/x", "x", false),
        ("**x*y", "x/x/xyzy", true),
        ("**x*y", "x/xy/z", false),
        ("*é*", "caffé latte", true),
    ] {
        assert_eq!(
            pattern(source).matches(name),
            expected,
            "{source} on {name}"
        );
    }
}

#[test]
fn containment_compares_languages_and_not_texts() {
    for (outer, inner, expected) in [
        ("a/*", "a/**", false),
        ("a/**", "a/*", true),
        ("**", "a/*/b", true),
        ("*", "**", false),
        ("*", "a*b", true),
        ("a*", "ab*", true),
        ("ab*", "a*", false),
        ("a/*/c", "a/b/c", true),
        ("a/**/c", "a/*/c", true),
        ("a/*/c", "a/**/c", false),
        (r"a\*", "a*", false),
        ("a*", r"a\*", true),
        ("*a*", "*ab*", true),
        ("**a**", "*a/*", true),
        ("*/**", "**/*", true),
        ("**/*", "*/**", true),
        ("a/b", "a/b", true),
        ("a/b", "a/B", false),
    ] {
        assert_eq!(
            pattern(outer).contains(&pattern(inner)),
            expected,
            "{outer} ⊇ {inner}"
        );
    }
}

#[test]
fn a_pattern_is_covered_when_one_of_the_list_contains_it() {
    let key = [pattern("a/*"), pattern("b/**")];
    assert!(pattern("a/x").is_covered_by(&key));
    assert!(pattern("b/*/c").is_covered_by(&key));
    assert!(!pattern("a/**").is_covered_by(&key));
    assert!(!pattern("*").is_covered_by(&[]));
}

#[test]
fn patterns_are_bounded_like_names() {
    assert_eq!("".parse::<ChannelPattern>(), Err(NameError::Empty));
    assert!("*".repeat(256).parse::<ChannelPattern>().is_ok());
    assert_eq!(
        "a".repeat(257).parse::<ChannelPattern>(),
        Err(NameError::TooLong { limit_bytes: 256 })
    );
    assert!("a\0".parse::<ChannelPattern>().is_err());
}

#[test]
fn hostile_patterns_stay_cheap() {
    let hostile = pattern(&"*a".repeat(127));
    assert!(!hostile.matches(&"a".repeat(100_000).replace("aa", "ab")[..50_000]));
    let deep = pattern(&"**a*b/".repeat(42));
    assert!(deep.contains(&pattern(&"ab*b/".repeat(42))));
    assert!(!deep.contains(&pattern(&"**ab*/".repeat(42))));
    assert!(!deep.contains(&pattern(&"*b/**a".repeat(42))));
}

#[test]
fn serde_goes_through_the_check() {
    let json = r#""a/\\*""#;
    let read: ChannelPattern = serde_json::from_str(json).unwrap();
    assert_eq!(read, pattern(r"a/\*"));
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    assert!(serde_json::from_str::<ChannelPattern>("\"\"").is_err());
}

#[test]
fn containment_agrees_with_brute_force_over_all_small_patterns() {
    let names = small_names(7);
    let languages: Vec<_> = small_patterns(3)
        .into_iter()
        .map(|pattern| {
            let language: Vec<bool> = names.iter().map(|name| pattern.matches(name)).collect();
            (pattern, language)
        })
        .collect();
    for (outer, of_outer) in &languages {
        for (inner, of_inner) in &languages {
            let expected = of_inner
                .iter()
                .zip(of_outer)
                .all(|(inner, outer)| !inner || *outer);
            assert_eq!(outer.contains(inner), expected, "{outer} ⊇ {inner}");
        }
    }
}

/// Every name of up to `length` characters over a named letter, the separator and a letter no pattern names.
fn small_names(length: usize) -> Vec<String> {
    words(&["a", "/", "z"], length)
}

/// Every pattern of up to `length` pieces over one letter, the separator and both wildcards.
fn small_patterns(length: usize) -> Vec<ChannelPattern> {
    let sources = words(&["a", "/", "*", "**"], length);
    sources
        .iter()
        .filter_map(|source| source.parse().ok())
        .collect()
}

fn words(letters: &[&str], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut longest = 0..1;
    for _ in 0..length {
        let start = all.len();
        for index in longest {
            all.extend(
                letters
                    .iter()
                    .map(|letter| format!("{}{letter}", all[index]))
                    .collect::<Vec<_>>(),
            );
        }
        longest = start..all.len();
    }
    all
}

/// The notation read straight off the spec's table, exponential and obvious.
fn plainly_matches(pieces: &[Piece], name: &[char]) -> bool {
    let run = |tail: &[Piece], allowed: fn(char) -> bool| {
        (0..=name.len())
            .take_while(|&end| name[..end].iter().all(|&c| allowed(c)))
            .any(|end| plainly_matches(tail, &name[end..]))
    };
    match pieces {
        [] => name.is_empty(),
        [Piece::Literal(literal), tail @ ..] => {
            name.first() == Some(literal) && plainly_matches(tail, &name[1..])
        }
        [Piece::Segment, tail @ ..] => run(tail, |c| c != '/'),
        [Piece::Path, tail @ ..] => run(tail, |_| true),
    }
}

prop_compose! {
    fn any_pattern()(source in r"(a|b|/|\*|\*\*|\\\*|é){1,7}") -> ChannelPattern {
        source.parse().unwrap()
    }
}

/// A name that `pattern` matches: its literals, with the wildcards filled from `filling`.
fn name_within(pattern: &ChannelPattern, filling: &[String]) -> String {
    let mut filling = filling.iter().cycle();
    let mut next = || filling.next().cloned().unwrap_or_default();
    let fill = |piece: &Piece| match piece {
        Piece::Literal(literal) => literal.to_string(),
        Piece::Segment => next().replace('/', ""),
        Piece::Path => next(),
    };
    pattern.pieces.iter().map(fill).collect()
}

proptest! {
    #[test]
    fn matching_agrees_with_the_plain_reading(pattern in any_pattern(), name in "[ab/é*z]{0,8}") {
        let chars: Vec<char> = name.chars().collect();
        prop_assert_eq!(pattern.matches(&name), plainly_matches(&pattern.pieces, &chars));
    }

    #[test]
    fn every_name_within_a_pattern_is_matched_by_whatever_contains_it(
        outer in any_pattern(),
        inner in any_pattern(),
        filling in prop::collection::vec("[ab/éz]{0,4}", 1..5),
    ) {
        let name = name_within(&inner, &filling);
        prop_assert!(inner.matches(&name));
        if outer.contains(&inner) {
            prop_assert!(outer.matches(&name), "{} escapes {} through {}", name, outer, inner);
        }
    }

    #[test]
    fn containment_is_reflexive_and_transitive(a in any_pattern(), b in any_pattern(), c in any_pattern()) {
        prop_assert!(a.contains(&a));
        prop_assert!(containment::contains(&a.pieces, &a.pieces));
        if a.contains(&b) && b.contains(&c) {
            prop_assert!(a.contains(&c), "{} ⊇ {} ⊇ {}", a, b, c);
        }
    }

    #[test]
    fn refused_containment_has_a_witness(outer in "(a|/|\\*|\\*\\*){1,4}", inner in "(a|/|\\*|\\*\\*){1,4}") {
        let (outer, inner) = (pattern(&outer), pattern(&inner));
        if !outer.contains(&inner) {
            let escapes = |name: &String| inner.matches(name) && !outer.matches(name);
            prop_assert!(small_names(8).iter().any(escapes), "{} ⊉ {} without a witness", outer, inner);
        }
    }

    #[test]
    fn the_source_reads_back(source in "[a/*\\\\é]{1,20}") {
        let read = pattern(&source);
        prop_assert_eq!(read.as_str(), source.as_str());
        prop_assert_eq!(read.to_string().parse::<ChannelPattern>(), Ok(read));
    }
}
