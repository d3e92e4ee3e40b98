//! The names that files of shots have for events, cushions and jaws.

use crate::physics::prediction::{BallIndex, EventKind, Motion};
use crate::table::{Geometry, PocketId};

/// Names of cushions and jaws, in the order of [`Geometry`].
pub(in crate::cli) struct Names {
    noses: usize,
    facings: usize,
}

impl Names {
    const NOSES: [&'static str; 6] = ["18", "9", "15", "12", "3", "6"];
    const FACINGS: [&'static str; 12] = ["17", "1", "10", "8", "16", "14", "11", "13", "2", "4", "7", "5"];

    pub(in crate::cli) fn of(geometry: &Geometry) -> Self {
        Self {
            noses: geometry.noses.len(),
            facings: geometry.facings.len(),
        }
    }

    /// Name and participants of an event, given the names of the balls.
    pub(in crate::cli) fn tell(
        &self,
        kind: EventKind,
        ball: impl Fn(BallIndex) -> String,
    ) -> (&'static str, Vec<String>) {
        let pocket = |id: PocketId| id.name().to_owned();
        match kind {
            EventKind::Strike(a) => ("stick_ball", vec!["cue_stick".to_owned(), ball(a)]),
            EventKind::BallBall(a, b) => ("ball_ball", vec![ball(a), ball(b)]),
            EventKind::Cushion(a, line) => ("ball_linear_cushion", vec![ball(a), self.line(line)]),
            EventKind::Jaw(a, jaw) => ("ball_circular_cushion", vec![ball(a), self.jaw(jaw)]),
            EventKind::OverEdge(a, id) => ("ball_over_edge", vec![ball(a), pocket(id)]),
            EventKind::PocketBack(a, id) => ("ball_pocket_back", vec![ball(a), pocket(id)]),
            EventKind::BackOut(a, id) => ("ball_back_out", vec![ball(a), pocket(id)]),
            EventKind::Pocketed(a, id) => ("ball_pocket", vec![ball(a), pocket(id)]),
            EventKind::Transition(a, from, to) => (transition(from, to), vec![ball(a)]),
        }
    }

    /// The event with this name and these participants, if it is one; the other way round of
    /// [`Self::tell`].
    pub(in crate::cli) fn read(
        &self,
        kind: &str,
        ids: &[&str],
        ball: impl Fn(&str) -> Option<BallIndex>,
    ) -> Option<EventKind> {
        let id = |i: usize| ids.get(i).copied();
        let first = || ball(id(0)?);
        Some(match kind {
            "stick_ball" => EventKind::Strike(ball(id(1)?)?),
            "ball_ball" => EventKind::BallBall(first()?, ball(id(1)?)?),
            "ball_linear_cushion" => EventKind::Cushion(first()?, self.line_named(id(1)?)?),
            "ball_circular_cushion" => EventKind::Jaw(first()?, self.jaw_named(id(1)?)?),
            "ball_pocket" => EventKind::Pocketed(first()?, pocket_named(id(1)?)?),
            "sliding_rolling" => EventKind::Transition(first()?, Motion::Sliding, Motion::Rolling),
            "rolling_spinning" => EventKind::Transition(first()?, Motion::Rolling, Motion::Spinning),
            "rolling_stationary" => EventKind::Transition(first()?, Motion::Rolling, Motion::Resting),
            "spinning_stationary" => EventKind::Transition(first()?, Motion::Spinning, Motion::Resting),
            _ => return None,
        })
    }

    fn line(&self, index: usize) -> String {
        let known = if self.facings == 0 {
            None
        } else if index < self.noses {
            Self::NOSES.get(index)
        } else {
            Self::FACINGS.get(index - self.noses)
        };
        known.map_or_else(|| format!("{}", index + 1), |name| (*name).to_owned())
    }

    fn jaw(&self, index: usize) -> String {
        format!("{}t", self.line(self.noses + index))
    }

    fn line_named(&self, name: &str) -> Option<usize> {
        (0..self.noses + self.facings).find(|index| self.line(*index) == name)
    }

    fn jaw_named(&self, name: &str) -> Option<usize> {
        (0..self.facings).find(|index| self.jaw(*index) == name)
    }
}

/// The pocket with this name.
pub(in crate::cli) fn pocket_named(name: &str) -> Option<PocketId> {
    PocketId::ALL.into_iter().find(|id| id.name() == name)
}

fn transition(from: Motion, to: Motion) -> &'static str {
    match (from, to) {
        (Motion::Sliding, _) => "sliding_rolling",
        (Motion::Rolling, Motion::Spinning) => "rolling_spinning",
        (Motion::Rolling, _) => "rolling_stationary",
        _ => "spinning_stationary",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableSpec;

    #[test]
    fn every_event_of_a_file_reads_as_it_is_told() {
        let names = Names::of(&Geometry::of(&TableSpec::reference_9ft()));
        let balls = ["cue", "1", "2"];
        let ball = |i: usize| balls[i].to_owned();
        let index = |name: &str| balls.iter().position(|b| *b == name);
        for kind in [
            EventKind::Strike(0),
            EventKind::BallBall(0, 2),
            EventKind::Cushion(1, 5),
            EventKind::Cushion(1, 17),
            EventKind::Jaw(2, 11),
            EventKind::Pocketed(1, PocketId::SideRight),
            EventKind::Transition(0, Motion::Sliding, Motion::Rolling),
            EventKind::Transition(0, Motion::Rolling, Motion::Resting),
            EventKind::Transition(0, Motion::Rolling, Motion::Spinning),
            EventKind::Transition(0, Motion::Spinning, Motion::Resting),
        ] {
            let (name, ids) = names.tell(kind, ball);
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            assert_eq!(names.read(name, &ids, index), Some(kind));
        }
        assert_eq!(names.read("ball_ball", &["cue", "9"], index), None);
        assert_eq!(names.read("earthquake", &["cue"], index), None);
    }
}
