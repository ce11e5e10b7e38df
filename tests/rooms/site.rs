//! Where the members of a test are: all on one edge, or in turn on the two edges of a cluster.
//!
//! A story that has to hold in both takes a [`Spread`], and [`here_and_across`] makes two tests of it.

use testkit::{ClusterConfig, EdgeConfig, TestCluster, TestEdge};

/// How the members are spread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spread {
    /// One edge, alone.
    Here,
    /// Two edges over Redis: neighbours in the order of coming are on different ones.
    Across,
}

/// Edges that run.
#[derive(Debug)]
pub(crate) enum Site {
    One(TestEdge),
    Two(TestCluster),
}

/// Whatever has an edge for each member.
pub(crate) trait Edges {
    /// The edge of the member with this number.
    fn of(&self, member: usize) -> &TestEdge;
}

impl Spread {
    pub(crate) async fn demo(self) -> Site {
        self.start(|config| config).await
    }

    /// With a change of what every edge is started with.
    pub(crate) async fn start(self, change: impl FnOnce(EdgeConfig) -> EdgeConfig) -> Site {
        match self {
            Self::Here => Site::One(change(EdgeConfig::demo()).start().await),
            Self::Across => Site::Two(ClusterConfig::demo(2).edge(change).start().await),
        }
    }
}

impl Edges for Site {
    fn of(&self, member: usize) -> &TestEdge {
        match self {
            Self::One(edge) => edge,
            Self::Two(cluster) => cluster.of(member),
        }
    }
}

impl Edges for TestEdge {
    fn of(&self, _: usize) -> &TestEdge {
        self
    }
}

impl Edges for TestCluster {
    fn of(&self, member: usize) -> &TestEdge {
        self.edge(member % self.edges().count())
    }
}

/// Makes two tests of each named function, which takes a [`Spread`].
macro_rules! here_and_across {
    ($($story:ident),+ $(,)?) => {
        mod here { $( #[tokio::test] async fn $story() { super::$story($crate::site::Spread::Here).await; } )+ }
        mod across { $( #[tokio::test] async fn $story() { super::$story($crate::site::Spread::Across).await; } )+ }
    };
}
pub(crate) use here_and_across;
