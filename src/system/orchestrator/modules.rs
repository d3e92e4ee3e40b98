//! The trainer's modules: what each depends on, and the order in which they start.

use std::time::Duration;

/// What a module is and what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleSpec {
    /// `config`, `core`, `vision`, `projector`, `api`.
    pub id: &'static str,
    /// It runs only while these run, and is stopped before them.
    pub needs: &'static [&'static str],
    /// It is started after these and restarted with them where a restart of one alone did not help.
    pub uses: &'static [&'static str],
    /// Without it the program does not start.
    pub required: bool,
    /// It must be up this long after it was told to start.
    pub start_within: Duration,
    /// It must be down this long after it was told to stop; then it is left behind.
    pub stop_within: Duration,
}

pub(super) const fn module(
    id: &'static str,
    needs: &'static [&'static str],
    uses: &'static [&'static str],
    start_s: u64,
) -> ModuleSpec {
    ModuleSpec {
        id,
        needs,
        uses,
        required: false,
        start_within: Duration::from_secs(start_s),
        stop_within: Duration::from_secs(2),
    }
}

/// The modules of the trainer, in the order in which they are started. Projector and camera may take long: the
/// first picture of a graphics card compiles its programs, a camera is waited for by its own thread.
pub const MODULES: [ModuleSpec; 5] = [
    ModuleSpec {
        required: true,
        ..module("config", &[], &[], 1)
    },
    module("core", &["config"], &[], 5),
    module("vision", &["config"], &["core"], 5),
    module("projector", &["config"], &["core", "vision"], 20),
    module("api", &["config"], &[], 5),
];

/// Why modules can't be put in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It depends on something that isn't there.
    #[error("module `{module}` depends on `{missing}`, and there is no such module")]
    Missing {
        /// Which.
        module: &'static str,
        /// On what.
        missing: &'static str,
    },
    /// They wait for each other.
    #[error("modules wait for each other and none could start: {}", .0.join(" → "))]
    Cycle(Vec<&'static str>),
    /// Two have the same id.
    #[error("there are two modules `{0}`")]
    Double(&'static str),
}

/// Indices of `specs` so that each comes after what it needs and uses; as given where that leaves a choice.
///
/// # Errors
/// [`OrderError`] with the names of those that can't be ordered.
pub fn start_order(specs: &[ModuleSpec]) -> Result<Vec<usize>, OrderError> {
    let place = |id: &str| specs.iter().position(|s| s.id == id);
    let double = specs.iter().enumerate().find(|(i, s)| place(s.id) != Some(*i));
    if let Some((_, spec)) = double {
        return Err(OrderError::Double(spec.id));
    }
    for spec in specs {
        if let Some(missing) = before(spec).find(|id| place(id).is_none()) {
            return Err(OrderError::Missing {
                module: spec.id,
                missing,
            });
        }
    }
    let mut order: Vec<usize> = Vec::with_capacity(specs.len());
    let is_done = |order: &[usize], id: &str| order.iter().any(|i| specs.get(*i).is_some_and(|s| s.id == id));
    while order.len() < specs.len() {
        let mut open = specs.iter().enumerate().filter(|(i, _)| !order.contains(i));
        let next = open.find(|(_, s)| before(s).all(|id| is_done(&order, id)));
        match next {
            Some((i, _)) => order.push(i),
            None => return Err(OrderError::Cycle(cycle(specs, &order))),
        }
    }
    Ok(order)
}

pub(super) fn before(spec: &ModuleSpec) -> impl Iterator<Item = &'static str> {
    spec.needs.iter().chain(spec.uses).copied()
}

/// The names on one round of modules that wait for each other, first and last the same.
fn cycle(specs: &[ModuleSpec], done: &[usize]) -> Vec<&'static str> {
    let open = |id: &str| {
        let mut left = specs.iter().enumerate().filter(|(i, _)| !done.contains(i));
        left.find(|(_, s)| s.id == id).map(|(_, s)| s)
    };
    let mut at = specs
        .iter()
        .enumerate()
        .find(|(i, _)| !done.contains(i))
        .map(|(_, s)| s);
    let mut walked: Vec<&'static str> = Vec::new();
    while let Some(spec) = at {
        if let Some(start) = walked.iter().position(|id| *id == spec.id) {
            let mut round = walked.split_off(start);
            round.push(spec.id);
            return round;
        }
        walked.push(spec.id);
        // Whoever is left waits for another that is left.
        at = before(spec).find_map(open);
    }
    walked
}
