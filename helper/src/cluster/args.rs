//! What a remote function can be given.

use std::sync::{Arc, Mutex, PoisonError};

use super::object::ObjectRef;
use crate::error::Result;

/// Arguments of [`Cluster::remote`](super::Cluster::remote): `&object`, a tuple of up to three
/// such references, a slice of them, or `()`.
pub trait Args {
    /// The arguments as the task keeps them until it is done.
    type Held: Held;

    /// Takes hold of them.
    fn hold(self) -> Self::Held;
}

/// Arguments that a task holds: see [`Args`].
pub trait Held: Send + 'static {
    /// What the function is given: references to the values.
    type View<'a>;

    /// The values.
    ///
    /// # Errors
    /// That of the task which should have given one of them.
    ///
    /// # Panics
    /// Where one of them is not there yet; a cluster asks only when all are.
    fn view(&self) -> Result<Self::View<'_>>;

    /// Calls each of the callbacks that `then` makes when one more argument is there; returns how
    /// many there are.
    fn each_when_done(&self, then: &dyn Fn() -> Box<dyn FnOnce() + Send>) -> usize;
}

/// An argument and, once the task starts, its value.
pub struct One<T> {
    object: ObjectRef<T>,
    value: std::sync::OnceLock<Arc<T>>,
}

impl<T: Send + Sync + 'static> One<T> {
    fn new(object: &ObjectRef<T>) -> Self {
        Self { object: object.clone(), value: std::sync::OnceLock::new() }
    }
}

impl<T: Send + Sync + 'static> Held for One<T> {
    type View<'a> = &'a T;

    fn view(&self) -> Result<&T> {
        let value = self.object.value().expect("a task starts when its arguments are there")?;
        Ok(self.value.get_or_init(|| value))
    }

    fn each_when_done(&self, then: &dyn Fn() -> Box<dyn FnOnce() + Send>) -> usize {
        self.object.when_done(then());
        1
    }
}

impl<T: Send + Sync + 'static> Args for &ObjectRef<T> {
    type Held = One<T>;

    fn hold(self) -> One<T> {
        One::new(self)
    }
}

impl<T: Send + Sync + 'static> Held for Vec<One<T>> {
    type View<'a> = Vec<&'a T>;

    fn view(&self) -> Result<Vec<&T>> {
        self.iter().map(Held::view).collect()
    }

    fn each_when_done(&self, then: &dyn Fn() -> Box<dyn FnOnce() + Send>) -> usize {
        self.iter().map(|one| one.each_when_done(then)).sum()
    }
}

impl<T: Send + Sync + 'static> Args for &[ObjectRef<T>] {
    type Held = Vec<One<T>>;

    fn hold(self) -> Vec<One<T>> {
        self.iter().map(One::new).collect()
    }
}

impl<T: Send + Sync + 'static> Args for &Vec<ObjectRef<T>> {
    type Held = Vec<One<T>>;

    fn hold(self) -> Vec<One<T>> {
        self.as_slice().hold()
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        #[allow(non_snake_case, unused_variables, clippy::unused_unit)]
        impl<$($name: Held),*> Held for ($($name,)*) {
            type View<'a> = ($($name::View<'a>,)*);

            fn view(&self) -> Result<Self::View<'_>> {
                let ($($name,)*) = self;
                Ok(($($name.view()?,)*))
            }

            fn each_when_done(&self, then: &dyn Fn() -> Box<dyn FnOnce() + Send>) -> usize {
                let ($($name,)*) = self;
                0 $(+ $name.each_when_done(then))*
            }
        }

        #[allow(non_snake_case, clippy::unused_unit)]
        impl<$($name: Args),*> Args for ($($name,)*) {
            type Held = ($($name::Held,)*);

            fn hold(self) -> Self::Held {
                let ($($name,)*) = self;
                ($($name.hold(),)*)
            }
        }
    )*};
}

tuples! { () (A, B) (A, B, C) }

/// Calls `then` with the arguments as soon as the last of them is there.
pub(super) fn when_ready<H: Held, F: FnOnce(H) + Send + 'static>(held: H, then: F) {
    struct Countdown<H, F> {
        arrived: usize,
        of: Option<usize>,
        held: Option<(H, F)>,
    }

    impl<H: Held, F: FnOnce(H)> Countdown<H, F> {
        fn take_if_complete(&mut self) -> Option<(H, F)> {
            if self.of == Some(self.arrived) { self.held.take() } else { None }
        }
    }

    // Callbacks may fire while the arguments are still being gone through, so how many there are
    // is known only afterwards, and the arguments join them last.
    let countdown = Arc::new(Mutex::new(Countdown::<H, F> { arrived: 0, of: None, held: None }));
    let arrive = {
        let countdown = Arc::clone(&countdown);
        move || -> Box<dyn FnOnce() + Send> {
            let countdown = Arc::clone(&countdown);
            Box::new(move || {
                let complete = {
                    let mut countdown = countdown.lock().unwrap_or_else(PoisonError::into_inner);
                    countdown.arrived += 1;
                    countdown.take_if_complete()
                };
                if let Some((held, then)) = complete {
                    then(held);
                }
            })
        }
    };
    let of = held.each_when_done(&arrive);
    let complete = {
        let mut countdown = countdown.lock().unwrap_or_else(PoisonError::into_inner);
        countdown.of = Some(of);
        countdown.held = Some((held, then));
        countdown.take_if_complete()
    };
    if let Some((held, then)) = complete {
        then(held);
    }
}
