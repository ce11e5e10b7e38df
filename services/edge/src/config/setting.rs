//! One setting: what an operator calls it and what may stand there.
//!
//! Owns the way from a path in the file to the name of the environment variable.

/// What can be set, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Place in the file, `section.key`; `apps[].…` stands inside `[[apps]]`.
    pub path: &'static str,
    /// What kind of value it takes.
    pub kind: SettingKind,
    /// The default as it would stand in the file, without quotes; `none` when there is none, `required` when it must
    /// be given.
    pub default: &'static str,
    /// Unit of the value, or `-`.
    pub unit: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// The kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// A text.
    Text,
    /// A whole number from 0.
    Number,
    /// `true` or `false`.
    Switch,
    /// A text such as `30s`, or a number of seconds.
    Duration,
    /// A list of texts; separated by commas in the environment.
    List,
    /// Settable in the file only: it belongs to an entry of a list.
    FileOnly,
}

impl Setting {
    /// The environment variable, `SWITCHBOARD_<SECTION>__<KEY>`; what belongs to a list entry has none.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        match self.kind {
            SettingKind::FileOnly => None,
            SettingKind::Text
            | SettingKind::Number
            | SettingKind::Switch
            | SettingKind::Duration
            | SettingKind::List => Some(variable_of(self.path)),
        }
    }
}

/// The environment variable of a path in the file.
pub(super) fn variable_of(path: &str) -> String {
    format!("SWITCHBOARD_{}", path.replace('.', "__").to_uppercase())
}

pub(super) const fn text(
    path: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::Text,
        default,
        unit: "-",
        meaning,
    }
}

pub(super) const fn number(
    path: &'static str,
    default: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::Number,
        default,
        unit,
        meaning,
    }
}

pub(super) const fn switch(
    path: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::Switch,
        default,
        unit: "-",
        meaning,
    }
}

pub(super) const fn duration(
    path: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::Duration,
        default,
        unit: "duration",
        meaning,
    }
}

pub(super) const fn list(
    path: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::List,
        default,
        unit: "-",
        meaning,
    }
}

pub(super) const fn in_file(
    path: &'static str,
    default: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        path,
        kind: SettingKind::FileOnly,
        default,
        unit,
        meaning,
    }
}
