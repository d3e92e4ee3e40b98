//! The `billiards-trainer` program; everything is in the library.

fn main() -> std::process::ExitCode {
    billiards_trainer::cli::main()
}
