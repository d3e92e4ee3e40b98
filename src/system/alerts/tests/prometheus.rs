//! Series and states written as a test for `promtool`, which then is the judge.
