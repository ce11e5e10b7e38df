//! The contract, run over a world in one process.

use std::sync::Arc;

use crate::contract::{Deployment, Edge, NAMED_MEMBERS};
use crate::contract_points;
use crate::in_process::World;

/// One world to itself.
struct Alone(Arc<World>);

impl Alone {
    fn new() -> Self {
        Self(World::new(NAMED_MEMBERS as u32))
    }
}

impl Deployment for Alone {
    async fn start(&self) -> Edge {
        let inboxes = Edge::inboxes();
        Edge::new(self.0.enter(Edge::handles(&inboxes)), inboxes)
    }

    /// Within one process an edge can only die by being dropped, which does the same as a withdrawal.
    async fn crash(&self, edge: &Edge) {
        edge.cluster().withdraw().await;
    }
}

contract_points!(Alone::new());
