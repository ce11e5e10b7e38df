//! Candidates written into an offer, for clients that take no trickled ones (spec device §3.5). Off by default.
//!
//! An offer is held back until its sender's candidates have ended, for a second at most; what comes later is trickled as
//! usual. While a call is held, its candidates are kept and told to nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use protocol::AppId;
use protocol::device::{About, CallId, Json, What};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::board::Board;
use super::call::{Role, Stage};
use super::outgoing::Reach;
use super::store::{Read, StoreError, attempts};
use super::tell::event;

/// How long candidates are waited for.
const HELD_FOR: Duration = Duration::from_secs(1);

/// The calls of this edge whose offers are held back.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<(AppId, CallId), Arc<Notify>>>);

impl Held {
    /// Whether candidates of the caller are to be told to nobody yet; if these are the last, the call goes on.
    pub(super) fn keeps(&self, app: &AppId, call: &CallId, is_last: IsLast) -> bool {
        let calls = self.lock();
        let held = calls.get(&(app.clone(), call.clone()));
        if let (Some(ended), IsLast::Yes) = (held, is_last) {
            ended.notify_one();
        }
        held.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(AppId, CallId), Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a candidate is the end of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsLast {
    Yes,
    No,
}

impl Board {
    /// Rings once the candidates are there.
    pub(super) fn ring_folded(&self, app: AppId, id: CallId, reaches: Vec<Reach>) {
        let ended = Arc::new(Notify::new());
        let key = (app, id);
        self.0.held.lock().insert(key.clone(), Arc::clone(&ended));
        let board = self.clone();
        self.0.tasks.spawn(async move {
            // Late candidates are trickled; nothing is lost by not waiting.
            let _ = timeout(HELD_FOR, ended.notified()).await;
            let (app, id) = &key;
            let folded = board.fold_and_ring(app, id, reaches).await;
            board.0.held.lock().remove(&key);
            let told = match folded {
                Ok(count) => board.tell_rest(app, id, count).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                tracing::warn!(%error, call = %id, "a call that was held back may not ring");
            }
        });
    }

    /// Returns how many candidates are in the offer.
    async fn fold_and_ring(
        &self,
        app: &AppId,
        id: &CallId,
        reaches: Vec<Reach>,
    ) -> Result<usize, StoreError> {
        let candidates = self.0.store.candidates(app, id, Role::Caller).await?;
        for _ in attempts() {
            let Some(Read { mut value, version }) = self.0.store.call(app, id).await? else {
                return Ok(candidates.len());
            };
            if value.stage != Stage::Ringing {
                return Ok(candidates.len());
            }
            let version = match fold(&value.offer, &candidates) {
                Some(folded) => {
                    value.offer = folded;
                    self.0.store.replace_call(app, &value, version).await?
                }
                None => Some(version),
            };
            if let Some(version) = version {
                self.ring(app.clone(), value, version, reaches).await;
                return Ok(candidates.len());
            }
        }
        Err(StoreError::Unavailable)
    }

    /// What has come between the reading and the ringing.
    async fn tell_rest(&self, app: &AppId, id: &CallId, count: usize) -> Result<(), StoreError> {
        let candidates = self.0.store.candidates(app, id, Role::Caller).await?;
        let Some(read) = self.0.store.call(app, id).await? else {
            return Ok(());
        };
        let call = read.value;
        for candidate in candidates.into_iter().skip(count) {
            for peer in call.peers(Role::Caller).collect::<Vec<_>>() {
                let leg = call.leg(peer);
                let what = What::IceTrickle {
                    candidate: candidate.clone(),
                };
                self.send(app, leg, event(About::line(leg.line), what), None)
                    .await;
            }
        }
        Ok(())
    }
}

/// The offer with the candidates in its media sections (RFC 8839 §5.1, RFC 8838 §8.2). `None` if there is nothing to write
/// or nowhere to write it.
fn fold(offer: &Json, candidates: &[Json]) -> Option<Json> {
    let mut offer: Map<String, Value> = serde_json::from_str(offer.as_str()).ok()?;
    let sdp = offer.get("sdp")?.as_str()?;
    let mut sections: Vec<Vec<String>> = vec![Vec::new()];
    for line in sdp.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        sections.last_mut()?.push(line.to_owned());
    }
    let mut media: Vec<_> = sections.split_off(1);
    let mut written = false;
    for candidate in candidates {
        let candidate: Map<String, Value> = serde_json::from_str(candidate.as_str()).ok()?;
        if candidate.get("completed") == Some(&Value::Bool(true)) {
            let end = "a=end-of-candidates".to_owned();
            media.iter_mut().for_each(|lines| lines.push(end.clone()));
            written = true;
        } else if let Some((section, line)) = placed(&candidate, &media) {
            media[section].push(line);
            written = true;
        }
    }
    if !written || media.is_empty() {
        return None;
    }
    let lines = sections.into_iter().chain(media).flatten();
    let sdp: String = lines.flat_map(|line| [line, "\r\n".to_owned()]).collect();
    offer.insert("sdp".to_owned(), Value::String(sdp));
    Some(Json::of(&offer))
}

/// The line of a candidate, and the media section that it belongs to. A candidate that is more than one line is none.
fn placed(candidate: &Map<String, Value>, media: &[Vec<String>]) -> Option<(usize, String)> {
    let text = candidate.get("candidate")?.as_str()?;
    if !text.starts_with("candidate:") || text.contains(['\r', '\n']) {
        return None;
    }
    let by_mid = || {
        let mid = format!("a=mid:{}", candidate.get("sdpMid")?.as_str()?);
        media.iter().position(|lines| lines.contains(&mid))
    };
    let by_index = || {
        let index = candidate.get("sdpMLineIndex")?.as_u64()?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < media.len())
    };
    Some((by_mid().or_else(by_index)?, format!("a={text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    fn sdp(json: &Json) -> String {
        let object: Map<String, Value> = serde_json::from_str(json.as_str()).unwrap();
        object["sdp"].as_str().unwrap().to_owned()
    }

    const OFFER: &str = r#"{"type":"offer","sdp":"v=0\r\ns=-\r\nm=audio 9 X 0\r\na=mid:a\r\nm=video 9 X 96\r\na=mid:v\r\n","more":1}"#;

    #[test]
    fn candidates_go_into_the_sections_that_they_name() {
        let candidates = [
            r#"{"candidate":"candidate:1 1 udp 1 10.0.0.1 1 typ host","sdpMid":"v"}"#,
            r#"{"candidate":"candidate:2 1 udp 1 10.0.0.1 2 typ host","sdpMLineIndex":0}"#,
            r#"{"completed":true}"#,
        ];
        let folded = fold(&json(OFFER), &candidates.map(json)).unwrap();
        assert_eq!(
            sdp(&folded),
            "v=0\r\ns=-\r\nm=audio 9 X 0\r\na=mid:a\r\na=candidate:2 1 udp 1 10.0.0.1 2 typ host\r\na=end-of-candidates\r\n\
             m=video 9 X 96\r\na=mid:v\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\na=end-of-candidates\r\n"
        );
        assert!(folded.as_str().contains(r#""more":1"#));
    }

    #[test]
    fn what_belongs_nowhere_or_is_no_candidate_changes_nothing() {
        for candidate in [
            r#"{"candidate":"","sdpMid":"a"}"#,
            r#"{"candidate":"candidate:1\r\na=evil","sdpMid":"a"}"#,
            r#"{"candidate":"candidate:1","sdpMid":"x"}"#,
            r#"{"candidate":"candidate:1","sdpMLineIndex":2}"#,
            r#"{"candidate":1}"#,
            "{}",
        ] {
            assert_eq!(fold(&json(OFFER), &[json(candidate)]), None, "{candidate}");
        }
        let end = json(r#"{"completed":true}"#);
        for offer in [r#"{"type":"offer","sdp":"v=0"}"#, "{}", r#"{"sdp":1}"#] {
            assert_eq!(
                fold(&json(offer), std::slice::from_ref(&end)),
                None,
                "{offer}"
            );
        }
    }
}
