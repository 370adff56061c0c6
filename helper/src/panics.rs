//! Catching panics: they become errors and are not printed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside `catch`.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// File and line of the latest panic inside `catch`; empty if unknown.
    static LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Calls `f`; if it panics, returns the message with file and line.
///
/// The program's panic hook is not called, so that an attempt that is retried prints nothing in a notebook.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return before(info);
            }
            if let Some(at) = info.location() {
                let file = Path::new(at.file()).file_name().unwrap_or_default().to_string_lossy();
                LOCATION.set(format!(" ({file}, line {})", at.line()));
            }
        }));
    });
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(outer);
    result.map_err(|panic| format!("{}{}", message(&*panic), LOCATION.take()))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a panic without a message)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_where() {
        let error = catch(|| -> u8 { panic!("no luck in call {}", 2) }).unwrap_err();
        assert!(error.starts_with("no luck in call 2 (panics.rs, line "), "{error}");
        let other = catch(|| std::panic::panic_any(7)).unwrap_err();
        assert!(other.starts_with("(a panic without a message) (panics.rs"), "{other}");
        assert_eq!(catch(|| 7), Ok(7));
    }

    #[test]
    fn one_within_another_leaves_the_outer_as_it_was() {
        let outer = catch(|| {
            assert!(catch(|| panic!("inner")).is_err());
            assert!(CATCHING.get());
            panic!("outer")
        });
        let error: String = outer.map(|()| String::new()).unwrap_err();
        assert!(error.starts_with("outer (") && !CATCHING.get());
    }
}
