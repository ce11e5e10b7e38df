//! Guards of the tree: rules about the source that no compiler checks.
//!
//! Each test reads files and lists every offence at once. What is generated or fetched (build output, packages) is
//! not looked at.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use protocol::{device, realtime, room};
use toml::Table;

#[test]
fn crates_depend_on_each_other_in_one_direction_only() {
    let mut offences = Vec::new();
    for (place, name) in CRATES.iter().enumerate() {
        let manifest: Table = text(&root().join("services").join(name).join("Cargo.toml"))
            .parse()
            .unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(kind).and_then(|table| table.as_table());
            let names = dependencies.into_iter().flat_map(Table::keys);
            let ours =
                names.filter_map(|dependency| CRATES.iter().position(|other| other == dependency));
            offences.extend(
                ours.filter(|other| *other >= place)
                    .map(|other| format!("{name} → {}", CRATES[other])),
            );
        }
    }
    assert_none(&offences);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let of_workspace = |name: &&&str| {
        let manifest: Table = text(&root().join("services").join(name).join("Cargo.toml"))
            .parse()
            .unwrap();
        manifest["lints"]["workspace"].as_bool() != Some(true)
    };
    let offences: Vec<_> = CRATES.iter().filter(of_workspace).collect();
    assert_none(&offences);
}

#[test]
fn every_vendor_is_named_in_one_place_only() {
    let homes = [
        ("axum", "services/edge/src/http/"),
        ("jsonwebtoken", "services/edge/src/auth/"),
        ("fred", "services/cluster/src/redis/"),
    ];
    let mut offences = Vec::new();
    for (path, source) in
        rust_files("services").filter(|(path, _)| !path.starts_with("services/testkit/"))
    {
        for (vendor, home) in homes {
            let named = code_lines(&source).any(|line| words(line).any(|word| word == vendor));
            if named && !path.starts_with(home) {
                offences.push(format!("{path} names {vendor}, which belongs under {home}"));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn no_test_is_ignored_and_no_lint_is_allowed() {
    let marks = [
        concat!("#[", "ignore"),
        concat!("#[", "allow("),
        concat!("#![", "allow("),
    ];
    let mut offences = Vec::new();
    for (path, source) in rust_files("") {
        for (number, line) in source.lines().enumerate() {
            if marks.iter().any(|mark| line.trim_start().starts_with(mark)) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long = rust_files("").filter(|(_, source)| source.lines().count() > 600);
    let offences: Vec<String> = long.map(|(path, _)| path).collect();
    assert_none(&offences);
}

#[test]
fn every_module_opens_by_saying_what_it_is_for() {
    let silent = rust_files("").filter(|(_, source)| !source.starts_with("//!"));
    let offences: Vec<String> = silent.map(|(path, _)| path).collect();
    assert_none(&offences);
}

#[test]
fn no_file_and_no_type_has_a_name_that_says_nothing() {
    let stems = [
        "utils", "util", "common", "helpers", "misc", "core", "types",
    ];
    let endings = ["Manager", "Service", "Impl"];
    let mut offences = Vec::new();
    for (path, source) in rust_files("") {
        let parts = path.trim_end_matches(".rs").split('/');
        offences.extend(
            parts
                .filter(|part| stems.contains(part))
                .map(|_| path.clone()),
        );
        for line in code_lines(&source) {
            let mut words =
                words(line).skip_while(|word| !["struct", "enum", "trait", "type"].contains(word));
            let name = words.nth(1).unwrap_or_default();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                offences.push(format!("{path}: {name}"));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn no_path_of_somebodys_machine_is_written_down() {
    let here = root().canonicalize().unwrap().display().to_string();
    let homes = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        here.as_str(),
    ];
    let mut offences = Vec::new();
    for (path, source) in files(
        "",
        &["rs", "toml", "md", "mjs", "py", "sh", "yml", "yaml", "json"],
    ) {
        for (number, line) in source.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home)) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn every_close_code_and_every_error_code_is_documented() {
    let closes = realtime::CloseCode::ALL.map(|code| code.as_u16().to_string());
    let errors = realtime::ErrorCode::ALL.map(|code| code.as_str().to_owned());
    let mut offences = undocumented(
        "docs/protocol/realtime.md",
        closes.into_iter().chain(errors),
    );
    let closes = room::CloseCode::ALL.map(|code| code.as_u16().to_string());
    let errors = room::ErrorCode::ALL.map(|code| code.as_str().to_owned());
    offences.extend(undocumented(
        "docs/protocol/room.md",
        closes.into_iter().chain(errors),
    ));
    let closes = device::CloseCode::ALL.map(|code| code.as_u16().to_string());
    let errors = device::ErrorCode::ALL.map(|code| code.as_str().to_owned());
    offences.extend(undocumented(
        "docs/protocol/device.md",
        closes.into_iter().chain(errors),
    ));
    assert_none(&offences);
}

/// The words that a page lacks.
fn undocumented(page: &str, wanted: impl Iterator<Item = String>) -> Vec<String> {
    let page = text(&root().join(page));
    let documented: BTreeSet<&str> = words(&page).collect();
    wanted
        .filter(|word| !documented.contains(word.as_str()))
        .collect()
}

#[test]
fn the_metrics_in_the_code_and_in_the_docs_are_the_same() {
    let sources: String = rust_files("services/edge/src/metrics")
        .map(|(_, source)| source)
        .collect();
    let registered = metric_names(&sources);
    assert!(!registered.is_empty(), "no metric was found in the code");
    let page = text(&root().join("docs/METRICS.md"));
    let documented = metric_names(&page);
    let offences: Vec<_> = registered.symmetric_difference(&documented).collect();
    assert_none(&offences);
}

/// The crates in the order of the one arrow: each may use those before it.
const CRATES: [&str; 4] = ["protocol", "cluster", "edge", "testkit"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn assert_none<T: std::fmt::Debug>(offences: &[T]) {
    assert!(offences.is_empty(), "{offences:#?}");
}

fn rust_files(under: &str) -> impl Iterator<Item = (String, String)> {
    files(under, &["rs"])
}

/// Path from the root and text of every file below `under` that ends in one of `endings`.
fn files(under: &str, endings: &[&str]) -> impl Iterator<Item = (String, String)> {
    let mut found = Vec::new();
    walk(&root().join(under), &mut |path| {
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if endings.contains(&ending) {
            found.push(path.to_owned());
        }
    });
    found.sort();
    found.into_iter().map(|path| {
        let relative = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        (relative, text(&path))
    })
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !FETCHED.contains(&name.as_ref()) {
                walk(&path, visit);
            }
        } else if name != "package-lock.json" {
            visit(&path);
        }
    }
}

/// Folders of build output and of packages.
const FETCHED: [&str; 3] = ["target", "node_modules", "__pycache__"];

fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines that are not comments.
fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// The metric names in a text; the three series of a histogram count as the histogram.
fn metric_names(text: &str) -> BTreeSet<String> {
    words(text)
        .filter(|word| {
            word.strip_prefix("switchboard_")
                .is_some_and(|rest| !rest.is_empty())
        })
        .map(|word| {
            let mut endings = ["_bucket", "_sum", "_count"].into_iter();
            endings
                .find_map(|ending| word.strip_suffix(ending))
                .unwrap_or(word)
                .to_owned()
        })
        .collect()
}
