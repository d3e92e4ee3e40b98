//! What changes from frame to frame, against a state that was told whole: the topic `motion`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::views;
use crate::system::snapshot::Snapshot;
use crate::vision::track::{BallMotion, TableState, TrackedBall};

/// A ball nearer than this to where it was told to be has not moved, metres.
const STILL_M: f64 = 5e-5;

/// The state that was told whole last, as [`views::state`] tells it.
#[derive(Debug)]
pub(super) struct Base {
    model: String,
    stale: bool,
    /// None is known.
    table: Option<Arc<TableState>>,
}

impl Base {
    /// The base for what follows.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            model: snapshot.table_spec.name.clone(),
            stale: snapshot.table_stale,
            table: snapshot.table.clone(),
        }
    }

    /// What has changed since can be told as motion: the same balls lie on the same table.
    pub(super) fn serves(&self, snapshot: &Snapshot) -> bool {
        let (then, now) = match (self.table.as_deref(), snapshot.table.as_deref()) {
            (Some(then), Some(now)) => (then, now),
            (then, now) => return then.is_none() && now.is_none() && self.model == snapshot.table_spec.name,
        };
        let names = |table: &TableState| table.balls.iter().map(|b| (b.id, b.kind)).collect::<Vec<_>>();
        self.model == snapshot.table_spec.name
            && self.stale == snapshot.table_stale
            && then.at_rest == now.at_rest
            && then.pocketed == now.pocketed
            && names(then) == names(now)
    }

    /// Balls that lie or move otherwise than in the base, the cue, and what hides the table where that has changed; nothing
    /// where no table is known.
    pub(super) fn motion(&self, sequence: u64, now: &Snapshot) -> Option<Value> {
        let (base, table) = (self.table.as_deref()?, now.table.as_deref()?);
        let moved = |ball: &&TrackedBall| {
            let before = base.balls.iter().find(|b| b.id == ball.id);
            before.is_none_or(|before| {
                before.motion != ball.motion
                    || ball.motion == BallMotion::Moving
                    || before.position_m.distance(ball.position_m) > STILL_M
            })
        };
        let balls: Vec<Value> = (table.balls.iter().filter(moved))
            .map(|ball| {
                json!({
                    "id": ball.id, "position": views::point(ball.position_m),
                    "velocity": views::point(ball.velocity_m_s), "motion": ball.motion,
                })
            })
            .collect();
        let mut motion = json!({ "base": sequence, "balls": balls, "cue": views::cue(table) });
        if table.hidden != base.hidden
            && let Some(map) = motion.as_object_mut()
        {
            map.insert("hidden".into(), json!(table.hidden));
        }
        Some(motion)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::world::snapshot;
    use super::*;
    use crate::units::Vec2;

    fn changed(change: impl FnOnce(&mut TableState)) -> Snapshot {
        let mut next = snapshot(2);
        let mut table = next.table.as_deref().cloned().unwrap();
        change(&mut table);
        next.table = Some(Arc::new(table));
        next
    }

    #[test]
    fn only_what_moved_is_told() {
        let base = Base::of(&snapshot(1));
        let next = changed(|table| {
            table.balls[3].position_m += Vec2::new(0.01, 0.0);
            table.balls[4].position_m += Vec2::new(0.000_02, 0.0);
            table.balls[5].motion = BallMotion::Held;
            table.cue = None;
        });
        assert!(base.serves(&next));
        let motion = base.motion(7, &next).unwrap();
        let told: Vec<_> = motion["balls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| &b["id"])
            .collect();
        let table = next.table.as_deref().unwrap();
        assert_eq!(told, [&json!(table.balls[3].id), &json!(table.balls[5].id)]);
        assert_eq!((&motion["base"], &motion["cue"]), (&json!(7), &Value::Null));
        assert!(motion.get("hidden").is_none());
    }

    #[test]
    fn other_balls_or_another_table_need_a_new_base() {
        let base = Base::of(&snapshot(1));
        assert!(!base.serves(&changed(|table| table.balls.truncate(3))));
        assert!(!base.serves(&changed(|table| table.at_rest = !table.at_rest)));
        assert!(!base.serves(&changed(|table| table.pocketed.clear())));
        let mut stale = snapshot(2);
        stale.table_stale = true;
        assert!(!base.serves(&stale));
        let mut gone = snapshot(3);
        gone.table = None;
        assert!(!base.serves(&gone));
        let nothing = Base::of(&gone);
        assert!(nothing.serves(&gone) && !nothing.serves(&snapshot(4)) && nothing.motion(1, &gone).is_none());
    }
}
