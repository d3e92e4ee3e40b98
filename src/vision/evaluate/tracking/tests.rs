//! The score of made-up tracks.

use super::*;
use crate::vision::observation::TrueEvent;
use crate::vision::track::TableEvent;

const DT: f64 = 1.0 / 30.0;

fn ball(id: u32, x: f64) -> TrueBall {
    TrueBall {
        id,
        kind: BallKind::pool(id as u8),
        position_m: Vec2::new(x, 0.0),
        velocity_m_s: Vec2::ZERO,
        row_s: 0.0,
        visible: 1.0,
    }
}

fn state(captured: Instant, balls: &[(u32, f64)], events: Vec<TableEvent>) -> TableState {
    let told = |&(id, x): &(u32, f64)| TrackedBall::lying(BallId(id), BallKind::pool(1), Vec2::new(x, 0.001));
    TableState {
        captured,
        events,
        ..TableState::lying(balls.iter().map(told).collect())
    }
}

#[test]
fn switches_losses_and_inventions_are_counted() {
    let mut follow = Follow::new(&TableSpec::pool_9ft());
    let start = Instant::now();
    let truth = Truth {
        balls: vec![ball(1, 0.0), ball(2, 0.5)],
        ..Truth::default()
    };
    let mut troubles = Vec::new();
    for frame in 0..60 {
        let at = start + Duration::from_secs_f64(DT * f64::from(frame));
        let told: &[(u32, f64)] = match frame {
            0..20 => &[(7, 0.0), (8, 0.5)],
            // The ids change places; the second is lost then, and one that is none appears.
            20..40 => &[(8, 0.0), (7, 0.5)],
            _ => &[(8, 0.0), (9, -0.8)],
        };
        troubles.extend(follow.note(&truth, &state(at, told, Vec::new()), Spent::default()));
    }
    let (sum, wrong) = follow.finish(&truth);
    assert_eq!((sum.switches, sum.shots_without_switch), (2, 0));
    assert_eq!((sum.lost, sum.invented, sum.ids_right_at_end), (1, 1, 0));
    assert_eq!((sum.balls, sum.missed, sum.false_ones), (120, 20, 20));
    assert!((sum.mota().unwrap() - (1.0 - 42.0 / 120.0)).abs() < 1e-9);
    assert!((mean_mm(&sum) - 1.0).abs() < 1e-6 && !wrong.is_empty());
    assert_eq!(troubles.len(), 4, "{troubles:?}");
}

fn mean_mm(sum: &Followed) -> f64 {
    sum.at_rest.place_mm.iter().sum::<f64>() / sum.at_rest.place_mm.len() as f64
}

#[test]
fn events_are_found_missed_and_invented() {
    let mut follow = Follow::new(&TableSpec::pool_9ft());
    let start = Instant::now();
    let mut truth = Truth {
        balls: vec![ball(0, 0.0), ball(2, 0.5)],
        ..Truth::default()
    };
    let happened = |what, ago_s, change_m_s| TrueEvent {
        ago_s,
        what,
        change_m_s,
    };
    for frame in 0..10 {
        let at = start + Duration::from_secs_f64(DT * f64::from(frame));
        truth.events.clear();
        let mut events = Vec::new();
        match frame {
            4 => truth.events.push(happened(TrueHappening::Struck(0), 0.01, 1.0)),
            5 => truth.events.push(happened(TrueHappening::Cushion(0), 0.0, 1.0)),
            // Too faint to be asked for.
            6 => truth.events.push(happened(TrueHappening::Cushion(2), 0.0, 0.01)),
            8 => {
                let then =
                    |frame: f64, ms: f64| start + Duration::from_secs_f64(DT * frame - 0.01 + 1e-3 * ms);
                events.push(TableEvent {
                    at: then(4.0, 5.0),
                    what: Happening::Struck(BallId(7)),
                });
                events.push(TableEvent {
                    at: then(3.0, 0.0),
                    what: Happening::Cushion(BallId(8)),
                });
            }
            _ => {}
        }
        follow.note(
            &truth,
            &state(at, &[(7, 0.0), (8, 0.5)], events),
            Spent::default(),
        );
    }
    let (sum, _) = follow.finish(&truth);
    let of = |class| sum.events.get(&class).cloned().unwrap_or_default();
    let (stroke, cushion) = (of(EventClass::Stroke), of(EventClass::Cushion));
    assert_eq!((stroke.true_ones, stroke.found, stroke.invented), (1, 1, 0));
    assert!((stroke.off_ms[0] - 5.0).abs() < 1e-3, "{stroke:?}");
    assert_eq!((cushion.true_ones, cushion.found, cushion.invented), (1, 0, 1));
}
