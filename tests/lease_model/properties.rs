//! What must hold, as a model of stateright.

use stateright::{Model, Property};

use crate::steps::{CleanUp, Rules, Step, possible};
use crate::world::{Claim, End, Holder, Leadership, Phase, World};

pub(crate) const UNIQUE: &str = "no two grants share fence and session";
pub(crate) const TIMELY: &str = "fences follow time, as far as the clocks agree";
pub(crate) const COMPARED: &str = "a clean-up removes nobody else's lease";
pub(crate) const FENCED: &str = "an edge serves nobody below the highest claim it knows";
pub(crate) const SETTLED: &str = "once faults stop, the greatest claim serves, alone and on record";
pub(crate) const TAKEOVER: &str = "a session is taken over";
pub(crate) const REFUSAL: &str = "a newcomer is refused";
pub(crate) const FAILOVER: &str = "redis fails over with two sessions serving";

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        // Names of sessions matter in a tie only, and there are none where clocks agree.
        let favoured = 0..=usize::from(self.drift > 0);
        let world = |favoured| World {
            favoured,
            faults_left: self.faults,
            ..World::default()
        };
        favoured.map(world).collect()
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        possible(world, steps);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let next = self.after(world, step)?;
        // Without this the checker would overlook behaviours that run in a circle and never settle.
        // A clean-up that compares nothing can give up what is still audited, so nothing is claimed of that one.
        assert!(
            self.clean_up == CleanUp::Blind || next.rank() > world.rank(),
            "{step:?} leads back: {world:#?}"
        );
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(UNIQUE, |_, world: &World| !world.history.repeated),
            Property::always(TIMELY, |_, world: &World| !world.history.untimely),
            Property::always(COMPARED, |_, world: &World| !world.history.wronged),
            Property::always(FENCED, |_, world: &World| serves_only_the_highest(world)),
            // Only quiet worlds fulfil it, so no way into one is overlooked for having fulfilled it before.
            Property::eventually(SETTLED, |rules: &Self, world: &World| {
                is_settled(world) && is_quiet(rules, world)
            }),
            Property::sometimes(TAKEOVER, |_, world: &World| ended(world, End::TakenOver)),
            Property::sometimes(REFUSAL, |_, world: &World| ended(world, End::Refused)),
            Property::sometimes(FAILOVER, |_, world: &World| {
                world.leadership != Leadership::First && world.serving().count() == 2
            }),
        ]
    }
}

fn serves_only_the_highest(world: &World) -> bool {
    world.serving().all(|(session, fence)| {
        let seen = world.edges[world.doors[session]].seen;
        seen.is_some_and(|seen| world.claim(fence, session) >= seen)
    })
}

fn is_quiet(rules: &Rules, world: &World) -> bool {
    world.healed && rules.next_states(world).is_empty()
}

fn is_settled(world: &World) -> bool {
    let held = |holder| match holder {
        Holder::Held(session) => Some(session),
        Holder::Nobody | Holder::Left(_) => None,
    };
    let record = world.nodes[world.leader()];
    let serving: Vec<Claim> = world
        .serving()
        .map(|(session, fence)| world.claim(fence, session))
        .collect();
    let on_record = |claim: &Claim| held(record.holder) == Some(claim.2) && record.fence == claim.0;
    // The greatest may have left or crashed since: then nobody need serve, but never two.
    let expected = world
        .history
        .greatest
        .filter(|(_, _, session)| world.is_there(*session));
    match (expected, serving.as_slice()) {
        (Some(expected), [only]) => *only == expected && on_record(only),
        (None, [only]) => on_record(only),
        (None, []) => true,
        (Some(_), []) | (_, [_, _, ..]) => false,
    }
}

fn ended(world: &World, end: End) -> bool {
    world.sessions.contains(&Phase::Ended(end))
}
