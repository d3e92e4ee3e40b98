use super::*;

const CLOTHS: [(&str, [u8; 3]); 5] = [
    ("green", [34, 118, 66]),
    ("blue", [38, 132, 160]),
    ("red", [150, 32, 40]),
    ("grey", [104, 108, 112]),
    ("black", [38, 38, 40]),
];

#[test]
fn a_line_is_as_bright_as_room_and_projector_make_it() {
    // A cloth that reflects a fifth of all light, nine times as much light: 1.8 + 0.05 over 0.2 + 0.05 … of the whole.
    let theme = Theme {
        cloth: Rgb::splat(0.2),
        ..Theme::of(Wanted::HighContrast, UNSEEN_CLOTH, Some(8.0))
    };
    assert!((theme.contrast(Meaning::Aim, 0.0) - 1.85 / 0.25).abs() < 1e-9);
    assert_eq!(theme.limit(), None);
}

#[test]
fn where_white_can_reach_it_every_line_has_its_contrast() {
    for (name, cloth) in CLOTHS {
        for gain in [3.0, 5.0, 6.0, 7.5, 10.0, 16.0, 25.0, 60.0] {
            for wanted in [Wanted::Auto, Wanted::Standard, Wanted::HighContrast, Wanted::Dim] {
                let theme = Theme::of(wanted, cloth, Some(gain));
                let least = Meaning::ALL
                    .map(|m| theme.contrast(m, 1.0))
                    .into_iter()
                    .fold(f64::MAX, f64::min);
                match theme.limit() {
                    None => assert!(least >= CONTRAST - 1e-9, "{name} {gain} {wanted:?}: {least}"),
                    Some(limit) => {
                        assert!(limit.reached < CONTRAST && limit.times > 1.0);
                        // Nothing is held back where white itself falls short.
                        assert!((least - limit.reached).abs() < 1e-9, "{name} {gain} {wanted:?}");
                        let enough = Theme::of(wanted, cloth, Some(1.001 * gain * limit.times));
                        assert_eq!(enough.limit(), None, "{name} {gain} {wanted:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn by_itself_it_never_tells_by_colour_what_nobody_can_tell() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, cloth) in CLOTHS {
        for gain in [2.0, 5.0, 7.5, 12.0, 16.0, 25.0, 60.0] {
            let theme = Theme::of(Wanted::Auto, cloth, Some(gain));
            seen.insert(theme.name.name());
            let apart = theme.difference();
            if theme.name == ThemeName::HighContrast {
                assert!(apart < 1e-9);
            } else {
                assert!(apart >= DIFFERENCE, "{name} {gain}: {apart}");
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn on_every_usual_cloth_the_standard_theme_is_told_apart_in_a_dimmed_room() {
    for (name, cloth) in CLOTHS {
        let theme = Theme::of(Wanted::Standard, cloth, Some(18.0));
        assert!(theme.difference() >= DIFFERENCE, "{name}: {}", theme.difference());
    }
}

#[test]
fn a_dark_room_is_not_dazzled() {
    for (name, cloth) in CLOTHS {
        let theme = Theme::of(Wanted::Dim, cloth, Some(100.0));
        let most = Meaning::ALL
            .map(|m| theme.contrast(m, 0.0))
            .into_iter()
            .fold(0.0, f64::max);
        assert!(most < 1.05 * DAZZLES, "{name}: {most}");
        assert!(most > 0.8 * DAZZLES, "{name}: {most}");
    }
}

#[test]
fn what_can_not_be_a_gain_is_taken_as_not_measured() {
    let usual = Theme::of(Wanted::Auto, UNSEEN_CLOTH, None);
    for gain in [f64::NAN, -1.0, 0.0, 1e9] {
        assert_eq!(Theme::of(Wanted::Auto, UNSEEN_CLOTH, Some(gain)), usual);
    }
    assert_eq!(usual.gain, USUAL_GAIN);
    let black = Theme::of(Wanted::Auto, [0; 3], Some(5.0)).limit().unwrap();
    assert!(
        black.to_string().starts_with("lines stand out only 1."),
        "{black}"
    );
}

/// Two lines that differ in nothing but tint would be one for some.
#[test]
fn lines_are_told_apart_by_their_form() {
    let lines = [
        Meaning::Aim,
        Meaning::CuePath,
        Meaning::TangentLine,
        Meaning::ObjectPath,
        Meaning::OtherPath,
    ];
    for (i, a) in lines.into_iter().enumerate() {
        for b in lines.into_iter().skip(i + 1) {
            let (one, other) = (form(a), form(b));
            let wider = one.width_m.max(other.width_m) / one.width_m.min(other.width_m);
            assert!(one.dash_m != other.dash_m || wider >= 1.4, "{a:?} {b:?}");
        }
    }
    for meaning in Meaning::ALL {
        assert!(form(meaning).width_m >= 0.005, "{meaning:?}");
    }
}
