//! Why a calibration can't be, and what to do.

use crate::units::{ImageSize, MM_PER_M, Vec2};

/// Why there is no calibration. Nothing that was kept before is touched then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CalibrationFault {
    /// No table in the picture.
    #[error(
        "the camera shows no table ({0}); point it so that the whole table is in the picture, and switch the lamp on"
    )]
    NoTable(String),
    /// The lens that a board has shown is of pictures of another shape.
    #[error(
        "the lens in the settings is of {}×{} pictures, the camera sends {}×{}; make it anew with `calibrate camera`, or take it out of the settings",
        image.width, image.height, now.width, now.height
    )]
    OtherLens {
        /// Size of the lens's pictures.
        image: ImageSize,
        /// Size of the camera's.
        now: ImageSize,
    },
    /// The cushions' edges can't be made out.
    #[error(
        "the cushions' edges can't be made out; show all four sides, take things off the rails, and check the table's model in the settings"
    )]
    NosesUnclear,
    /// A marker is not seen.
    #[error(
        "marker {number} of the settings is not seen where it should be ({:.2}, {:.2} m from the table's middle); uncover it, measure it anew, or take it out of `calibration.markers`",
        at_m.x, at_m.y
    )]
    MarkerUnseen {
        /// Which, from 1.
        number: usize,
        /// Where it should be, metres.
        at_m: Vec2,
    },
    /// A marker is elsewhere.
    #[error(
        "marker {number} of the settings is seen {:.0} mm from where it should be; measure it anew from the table's middle, or take it out of `calibration.markers`",
        off_m * MM_PER_M
    )]
    MarkerElsewhere {
        /// Which, from 1.
        number: usize,
        /// How far, metres.
        off_m: f64,
    },
    /// Something moves all the time.
    #[error("something moves over the table; step back, and leave balls and cue alone for ten seconds")]
    Moving,
    /// The light of the projector does not come.
    #[error(
        "no light of the projector is seen on the table; switch it on, check that it shows the trainer's window and points at the table, and dim the room if it is very bright"
    )]
    NoLight,
    /// Too few dots.
    #[error(
        "only {seen} dots of light are seen on the cloth, 12 are needed; point the projector at the table, focus it, and take away what is in its way"
    )]
    FewDots {
        /// Dots seen.
        seen: usize,
    },
    /// The dots do not lie as any projector could put them.
    #[error(
        "the dots of light do not lie on a flat table as a projector would put them; keep hands and things out of the light, and let only this projector shine"
    )]
    NoMap,
    /// The projector reaches too little of the table.
    #[error("the projector reaches {:.0} % of the bed, at least half is needed; turn, move or zoom it", 100.0 * share)]
    OutOfReach {
        /// Share of the bed it reaches.
        share: f64,
    },
    /// The check could not be made.
    #[error(
        "only {seen} of {wanted} crosses are seen where they should be; keep hands and things out of the light"
    )]
    FewCrosses {
        /// Crosses seen.
        seen: usize,
        /// Crosses shown.
        wanted: usize,
    },
    /// It is worse than allowed.
    #[error("lines would land up to {:.1} mm off, {:.1} mm is the limit; focus camera and projector, fix both firmly, and try again", max_m * MM_PER_M, limit_m * MM_PER_M)]
    TooCoarse {
        /// The worst, metres.
        max_m: f64,
        /// The limit, metres.
        limit_m: f64,
    },
    /// The table is not known well enough.
    #[error("where the table lies is known to {:.1} mm only, {:.1} mm are needed; measure the height of the camera's lens above the cloth with a tape and say it, and light the cushions evenly", sigma_m * MM_PER_M, limit_m * MM_PER_M)]
    TableUnclear {
        /// How well, one σ, metres.
        sigma_m: f64,
        /// The limit, metres.
        limit_m: f64,
    },
    /// The table, the camera or what lies on the table has moved meanwhile.
    #[error(
        "camera, table or something on it has moved during the calibration; fix the camera firmly, step back, and try again"
    )]
    Moved,
    /// No frames come.
    #[error("the camera gives no pictures; check its cable, then try again")]
    NoPictures,
    /// It does not come to an end.
    #[error(
        "the calibration has not come to an end in two minutes; the camera or this machine is too slow, or something keeps it from ending: try again"
    )]
    TooLong,
    /// The camera has changed the size of its pictures.
    #[error("the camera changed its picture size during the calibration; try again")]
    PictureChanged,
}
