//! The contract of `cluster`, kept over real Redis servers: every point on every topology.
//!
//! The points share one server (or set of servers) of a topology and are kept apart by the prefix of their names, as
//! deployments that share a Redis are.

mod topologies;

mod standalone {
    use super::topologies::{Prefixed, standalone};

    cluster::contract_points!(Prefixed::new(standalone().await));
}

mod sentinel {
    use super::topologies::{Prefixed, sentinel};

    cluster::contract_points!(Prefixed::new(sentinel().await));
}

mod redis_cluster {
    use super::topologies::{Prefixed, redis_cluster};

    cluster::contract_points!(Prefixed::new(redis_cluster().await));
}
