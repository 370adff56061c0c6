//! Checks of the notebook's exercises.

use crate::error::Result;
use crate::panics;

/// Runs the check of an exercise and prints its result in one line; it never panics.
///
/// `check` calls the reader's function and asserts its result. The first failed assertion, error or panic is
/// printed as the reason. If the function is still `todo!()`, the exercise is not done yet.
///
/// A failure is printed to standard error, for which nbgrader gives no points.
///
/// ```
/// fn double(n: u32) -> u32 {
///     n + n
/// }
///
/// helper::check("double", || {
///     let six = double(3);
///     assert!(six == 6, "double(3) is {six}");
///     Ok(())
/// });
/// ```
pub fn check(name: &str, check: impl FnOnce() -> Result<()>) {
    match verdict(check) {
        Ok(()) => println!("{name}: passed"),
        Err(reason) => eprintln!("{name}: {reason}"),
    }
}

/// Why the exercise is not passed.
fn verdict(check: impl FnOnce() -> Result<()>) -> Result<(), String> {
    match panics::catch(check) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("not passed: {error}")),
        Err(panic) if panic.starts_with("not yet implemented") => Err("not done yet".to_owned()),
        Err(panic) => {
            // Without file and line: they refer to code that the kernel generated from the cell.
            let message = panic.rsplit_once(" (").map_or(&*panic, |(message, _)| message);
            Err(format!("not passed: {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn an_assertion_an_error_and_what_is_not_done_are_told_apart() {
        let reason = |check: fn() -> Result<()>| verdict(check).unwrap_err();
        assert_eq!(verdict(|| Ok(())), Ok(()));
        assert_eq!(reason(|| todo!()), "not done yet");
        assert_eq!(reason(|| panic!("4 tasks (not 3)")), "not passed: 4 tasks (not 3)");
        assert_eq!(reason(|| Err(Error::invalid("k", 1, "2"))), "not passed: k is 1, but must be 2");
    }
}
