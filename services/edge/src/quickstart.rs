//! What an edge says on standard output when it starts: where it listens and, without any configuration, everything that a
//! first try needs.
//!
//! The two `listening` lines are read by scripts; their form stays.

use std::sync::Arc;

use protocol::EdgeId;
use protocol::realtime::MintedClaims;
use uuid::Uuid;

use crate::auth::mint;
use crate::config::AppConfig;
use crate::edge::Edge;
use crate::lane::unix_now;
use crate::tenancy::Tenancy;

/// A name for an edge that was given none.
///
/// # Panics
/// Never: the text is made of letters, digits and a hyphen.
#[must_use]
pub fn random_edge_id() -> EdgeId {
    let random = Uuid::new_v4().simple().to_string();
    format!("edge-{}", &random[..8])
        .parse()
        .expect("letters, digits and a hyphen are an edge id")
}

/// Tells where the edge listens and, if it runs on development keys, how to use them.
pub fn announce(edge: &Edge, development: Option<&AppConfig>) {
    println!("switchboard listening on http://{}", edge.address);
    println!("switchboard admin on http://{}", edge.admin_address);
    if let Some(text) = development.and_then(|app| first_steps(edge, app)) {
        println!("{text}");
    }
}

/// `None` if the app is not that of [`development_app`](crate::tenancy::development_app).
fn first_steps(edge: &Edge, app: &AppConfig) -> Option<String> {
    let tenancy = Tenancy::new(std::slice::from_ref(app)).ok()?;
    let [publishable, secret] = app.keys.as_slice() else {
        return None;
    };
    let signer = tenancy.key(secret.id.as_str()).map(Arc::clone)?;
    let now_s = unix_now().as_secs();
    let alice = "alice".parse().ok()?;
    let token = mint(&signer, &MintedClaims::new(&alice, now_s, now_s + 86_400)).ok()?;
    let (address, key, id) = (edge.address, &publishable.id, &secret.id);
    let secret = secret.secret.as_ref()?.expose();
    Some(format!(
        r#"
No apps are configured, so this edge made DEVELOPMENT KEYS. They may do everything, everybody who
sees this screen has them, and they are gone when the edge stops. Do not use them for anything real.

  publishable key  {key}
  secret key       {id}:{secret}
  a token (alice)  {token}

Try it with Node (npm install @metered-ca/realtime ws), as try.mjs:

  import WebSocket from "ws"; import {{ SignallingClient }} from "@metered-ca/realtime";
  const client = new SignallingClient({{ url: "ws://{address}", apiKey: "{key}", webSocketFactory: (u) => new WebSocket(u) }});
  client.on("connected", ({{ peerId }}) => client.send(peerId, "hello, switchboard"));
  client.on("direct", (direct) => {{ console.log("heard", direct); client.close(); }});
  await client.connect();

or with Python (pip install websockets):

  from websockets.sync.client import connect
  with connect("ws://{address}/v1?key={key}") as socket:
      print(socket.recv())
      socket.send('{{"type":"subscribe","channel":"lobby","requestId":"1"}}')
      print(socket.recv(), socket.recv(), sep="\n")
"#
    ))
}
