//! Following the configuration file and the key files that it names.
//!
//! Owns when they are read again: on SIGHUP, and when one is another file or has other contents. Its identity is
//! polled instead of watched, because a ConfigMap is replaced by swapping a symbolic link further up, of which a watch
//! on the file hears nothing. Invariant: a file that is wrong changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::changes::Changes;
use super::fingerprint::Fingerprint;
use super::{Tenancy, TenancyError, TenancyHandle};
use crate::config::{Config, ConfigError};
use crate::metrics::Reload;

/// How often the file's identity is looked at: well below the minute that Kubernetes takes to bring a change.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps `handle` up to date with the file at `path` until `cancel` is cancelled.
///
/// `load` reads the whole configuration as at the start. Only apps, keys and issuers are taken from it; where another setting
/// differs from `running`, the log says that a restart is needed. A file that is wrong is logged and otherwise
/// ignored. `count` hears how each reading ended. SIGHUP is taken over before this returns: call it inside a runtime.
pub fn watch_file<F>(
    path: PathBuf,
    handle: TenancyHandle,
    running: Config,
    load: F,
    count: impl Fn(Reload),
    cancel: CancellationToken,
) -> impl Future<Output = ()>
where
    F: Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
{
    let load = Arc::new(load);
    // At once, not when the task first runs: a SIGHUP that nobody has taken over ends the process.
    let mut hangups = hangups();
    async move {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Nothing seen yet: the first look reads the file again, so that a change since the start is not missed.
        let mut seen = None;
        loop {
            let is_asked = tokio::select! {
                () = cancel.cancelled() => return,
                () = next_hangup(&mut hangups) => true,
                _ = polls.tick() => false,
            };
            let found = look(&path, &handle.load()).await;
            // A file that is missing is one that is being replaced: the next poll finds the new one.
            if is_asked || (found.is_some() && found != seen) {
                seen = found;
                count(reload(&path, &handle, &running, Arc::clone(&load)).await);
            }
        }
    }
}

/// The state of the configuration file and of all key files in force; `None` if one is missing.
async fn look(path: &Path, tenancy: &Tenancy) -> Option<Vec<Fingerprint>> {
    let mut found = vec![Fingerprint::read(path.to_owned()).await?];
    for path in tenancy.key_files() {
        found.push(Fingerprint::read(path.clone()).await?);
    }
    Some(found)
}

async fn reload<F>(path: &Path, handle: &TenancyHandle, running: &Config, load: Arc<F>) -> Reload
where
    F: Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
{
    // Off the runtime's threads: a file on a slow disk must not hold up sessions. Compiling reads the key files.
    let read = move || load().map_err(ReloadError::from).and_then(compile);
    let Ok(read) = spawn_blocking(read).await else {
        error!(
            "reading {} ended early; apps and keys stay as they are",
            path.display()
        );
        return Reload::Refused;
    };
    match read {
        Ok((config, tenancy)) => {
            for setting in running.restart_needed(&config) {
                warn!(
                    setting,
                    "{setting} has changed in {} and needs a restart",
                    path.display()
                );
            }
            apply(handle, tenancy);
            Reload::Ok
        }
        Err(reason) => {
            error!(
                "{} is not taken over, apps and keys stay as they are: {reason}",
                path.display()
            );
            Reload::Refused
        }
    }
}

/// Why a file is not taken over.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
}

fn compile(config: Config) -> Result<(Config, Tenancy), ReloadError> {
    let tenancy = Tenancy::new(&config.apps)?;
    Ok((config, tenancy))
}

/// Replaces the tenancy if the newer one differs, and says in what.
fn apply(handle: &TenancyHandle, newer: Tenancy) {
    let changes = Changes::between(&handle.load(), &newer);
    if changes == Changes::default() {
        debug!("the configuration file was read again; apps and keys are the same");
        return;
    }
    handle.replace(newer);
    info!(
        added = ?changes.added,
        removed = ?changes.removed,
        changed = ?changes.changed,
        suspended = ?changes.suspended,
        resumed = ?changes.resumed,
        "apps and keys were read again"
    );
}

fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| warn!(%error, "SIGHUP cannot be received; the file is still polled"))
        .ok()
}

async fn next_hangup(hangups: &mut Option<Signal>) {
    match hangups {
        Some(signal) => {
            // `None` would mean that the runtime shuts down, and then nothing is left to do.
            if signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;
    use uuid::Uuid;

    use super::*;
    use crate::config::{Environment, Flags};
    use crate::issuers::sample::jwks;
    use crate::tenancy::sample::{app, key, tenancy};

    /// A directory of its own for each test, gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            let path =
                std::env::temp_dir().join(format!("switchboard-{}", Uuid::new_v4().simple()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn file_with_key(id: &str) -> String {
        format!(
            "[[apps]]\nid = \"a\"\n[[apps.keys]]\nid = \"{id}\"\nchannel_patterns = [\"**\"]\nactions = [\"publish\"]\n"
        )
    }

    async fn until_version_moves(
        handle: &TenancyHandle,
        versions: &mut tokio::sync::watch::Receiver<u64>,
    ) -> Arc<Tenancy> {
        timeout(Duration::from_secs(30), versions.changed())
            .await
            .expect("a change within 30 s")
            .unwrap();
        handle.load()
    }

    #[tokio::test]
    async fn a_swapped_link_brings_the_new_keys_and_a_bad_file_keeps_the_old() {
        let scratch = Scratch::new();
        let path = scratch.0.join("switchboard.toml");
        // As a ConfigMap does it: the name is a link, and the link is renamed over.
        let point_to = |version: &str, text: &str| {
            let target = scratch.0.join(version);
            fs::write(&target, text).unwrap();
            let link = scratch.0.join("next");
            std::os::unix::fs::symlink(&target, &link).unwrap();
            fs::rename(&link, &path).unwrap();
        };
        point_to("v1", &file_with_key("pk_one"));
        let flags = Flags {
            config: Some(path.clone()),
            ..Flags::default()
        };
        let load = move || Config::load_with(&flags, &Environment::default());
        let running = load().unwrap();
        let handle = TenancyHandle::new(Tenancy::new(&running.apps).unwrap());
        let mut versions = handle.watch();
        let cancel = CancellationToken::new();
        let watching = watch_file(
            path.clone(),
            handle.clone(),
            running,
            load,
            |_| {},
            cancel.clone(),
        );
        let story = async {
            point_to("v2", &file_with_key("pk_two"));
            let loaded = until_version_moves(&handle, &mut versions).await;
            assert!(loaded.key("pk_two").is_some() && loaded.key("pk_one").is_none());

            point_to("bad", "[[apps]]\nid = 7\n");
            point_to("good", &file_with_key("pk_three"));
            let loaded = until_version_moves(&handle, &mut versions).await;
            assert!(loaded.key("pk_three").is_some());
            cancel.cancel();
        };
        tokio::join!(watching, story);
    }

    #[tokio::test]
    async fn a_hangup_reads_the_file_again() {
        // Taken over for the whole process before any is sent: an unhandled one would end the tests.
        let _taken_over = hangups().unwrap();
        let handle = TenancyHandle::new(Tenancy::default());
        let mut versions = handle.watch();
        let cancel = CancellationToken::new();
        let load = || {
            let apps = vec![app("a", &[key("pk_a", &["**"], &[])])];
            Ok(Config {
                apps,
                ..Config::default()
            })
        };
        // A file that does not exist has no identity that could change: only the signal can be the cause.
        let nowhere = PathBuf::from("/nowhere/switchboard.toml");
        let watching = watch_file(
            nowhere,
            handle.clone(),
            Config::default(),
            load,
            |_| {},
            cancel.clone(),
        );
        let story = async {
            let own_id = std::process::id().to_string();
            let hangup = || {
                std::process::Command::new("kill")
                    .args(["-HUP", &own_id])
                    .status()
            };
            // A signal is lost on a watcher that has not begun; a second one is not.
            for _ in 0..30 {
                assert!(hangup().unwrap().success());
                if timeout(Duration::from_secs(1), versions.changed())
                    .await
                    .is_ok()
                {
                    break;
                }
            }
            assert!(handle.load().key("pk_a").is_some());
            cancel.cancel();
        };
        tokio::join!(watching, story);
    }

    #[tokio::test]
    async fn a_changed_key_file_is_noticed_and_one_that_is_wrong_changes_nothing() {
        let scratch = Scratch::new();
        let (path, keys) = (
            scratch.0.join("switchboard.toml"),
            scratch.0.join("keys.json"),
        );
        let issuer = format!("[[apps.issuers]]\niss = \"i\"\nkey_file = {:?}\n", keys);
        fs::write(&path, format!("[[apps]]\nid = \"a\"\n{issuer}")).unwrap();
        fs::write(&keys, jwks(&["one"])).unwrap();
        let flags = Flags {
            config: Some(path.clone()),
            ..Flags::default()
        };
        let load = move || Config::load_with(&flags, &Environment::default());
        let handle = TenancyHandle::new(Tenancy::new(&load().unwrap().apps).unwrap());
        let mut versions = handle.watch();
        let cancel = CancellationToken::new();
        let (counted, count) = tokio::sync::watch::channel(0);
        let watching = watch_file(
            path,
            handle.clone(),
            Config::default(),
            load,
            move |reload| {
                if reload == Reload::Refused {
                    counted.send_modify(|refused| *refused += 1);
                }
            },
            cancel.clone(),
        );
        let kid = |tenancy: &Tenancy| {
            let keys = tenancy.issuer("i").unwrap().keys.keys().unwrap();
            ["one", "two"].map(|kid| keys.find(Some(kid)).is_some())
        };
        let story = async {
            let mut count = count;
            fs::write(&keys, "nonsense").unwrap();
            let refused = timeout(Duration::from_secs(30), count.changed()).await;
            refused.expect("a refusal within 30 s").unwrap();
            assert_eq!(kid(&handle.load()), [true, false]);
            fs::write(&keys, jwks(&["two"])).unwrap();
            let tenancy = until_version_moves(&handle, &mut versions).await;
            assert_eq!(kid(&tenancy), [false, true]);
            cancel.cancel();
        };
        tokio::join!(watching, story);
    }

    #[tokio::test]
    async fn a_file_that_is_wrong_changes_nothing() {
        let handle = TenancyHandle::new(tenancy(&[("a", &[key("pk_a", &["**"], &[])])]));
        let versions = handle.watch();
        let load = || {
            let apps = vec![app("b", &[]), app("b", &[])];
            Ok(Config {
                apps,
                ..Config::default()
            })
        };
        reload(
            Path::new("switchboard.toml"),
            &handle,
            &Config::default(),
            Arc::new(load),
        )
        .await;
        assert!(!versions.has_changed().unwrap());
        assert!(handle.load().key("pk_a").is_some());
    }

    #[test]
    fn the_same_apps_and_keys_are_no_change() {
        let same = || tenancy(&[("a", &[key("sk_a", &["**"], &["publish"])])]);
        let handle = TenancyHandle::new(same());
        let versions = handle.watch();
        apply(&handle, same());
        assert!(!versions.has_changed().unwrap());
    }
}
