//! What `xrandr --query` prints.

/// A connected output as the X server has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct XOutput {
    /// Its name, which is also what the trainer's windows call it.
    pub name: String,
    /// The operator's.
    pub primary: bool,
    /// Width, height (pixels), and place of the upper left corner; none while it is switched off.
    pub place: Option<(u32, u32, i32, i32)>,
    /// Pictures a second, of the mode in use.
    pub rate_hz: Option<f64>,
}

/// The connected outputs, as listed.
pub(super) fn parse(text: &str) -> Vec<XOutput> {
    let mut outputs: Vec<XOutput> = Vec::new();
    // Modes stand, indented, below their output; those of one that is not connected are of no interest.
    let mut connected = false;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if line.starts_with(char::is_whitespace) {
            if let (true, Some(output)) = (connected, outputs.last_mut()) {
                let rate = words.skip(1).find(|w| w.contains('*'));
                let rate = rate.and_then(|w| w.trim_end_matches(['*', '+']).parse().ok());
                // Screens that are none (virtual ones) have a rate of nought.
                let rate = rate.filter(|r| *r > 0.0);
                output.rate_hz = output.rate_hz.or(rate);
            }
            continue;
        }
        let (Some(name), state) = (words.next(), words.next()) else {
            continue;
        };
        connected = state == Some("connected");
        if connected {
            let rest: Vec<_> = words.collect();
            outputs.push(XOutput {
                name: name.to_owned(),
                primary: rest.contains(&"primary"),
                place: rest.iter().find_map(|w| place(w)),
                rate_hz: None,
            });
        }
    }
    outputs
}

/// `1920x1080+1920+0`
fn place(word: &str) -> Option<(u32, u32, i32, i32)> {
    let (width, rest) = word.split_once('x')?;
    let (height, corner) = rest.split_at(rest.find(['+', '-'])?);
    // The sign of the second number parts it from the first.
    let second = corner.get(1..)?.find(['+', '-'])? + 1;
    let (x, y) = (corner.get(..second)?, corner.get(second..)?);
    Some((
        width.parse().ok()?,
        height.parse().ok()?,
        x.parse().ok()?,
        y.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connected_outputs_are_read_with_place_and_rate() {
        let text = "\
Screen 0: minimum 320 x 200, current 3840 x 1080, maximum 16384 x 16384
eDP-1 connected primary 1920x1080+0+0 (normal left inverted right x axis y axis) 309mm x 174mm
   1920x1080     60.01*+  59.97    48.00
   1280x720      60.00
HDMI-1 connected 1280x800+1920-40 (normal left inverted right x axis y axis) 0mm x 0mm
   1920x1080     60.00 +  50.00
   1280x800      59.81*
DP-1 disconnected (normal left inverted right x axis y axis)
   640x480       75.00*
screen connected 1280x720+0+0 0mm x 0mm
   1280x720       0.00*
DP-2 connected (normal left inverted right x axis y axis)
   1920x1080     60.00 +
";
        let output = |name: &str, primary, place, rate_hz| XOutput {
            name: name.to_owned(),
            primary,
            place,
            rate_hz,
        };
        let expected = [
            output("eDP-1", true, Some((1920, 1080, 0, 0)), Some(60.01)),
            output("HDMI-1", false, Some((1280, 800, 1920, -40)), Some(59.81)),
            output("screen", false, Some((1280, 720, 0, 0)), None),
            output("DP-2", false, None, None),
        ];
        assert_eq!(parse(text), expected);
        assert_eq!(parse("Can't open display :9\n"), []);
    }
}
