//! Arguments of a remote function.

use std::sync::Arc;

use super::object::ObjectRef;
use super::task::Task;
use crate::error::Result;

/// Arguments of [`Cluster::remote`](super::Cluster::remote): `&object`, a tuple of up to three
/// such references, a slice of them, or `()`.
pub trait Args {
    /// The arguments as the task keeps them until it is done.
    type Held: Held;

    /// References to the same objects, for the task to keep.
    fn hold(self) -> Self::Held;
}

/// Arguments that a task keeps: see [`Args`].
pub trait Held: Send + 'static {
    /// The function's argument: references to the values.
    type View<'a>;

    /// The values; blocks until the tasks that produce them are done.
    ///
    /// # Errors
    /// The error of such a task.
    fn view(&self) -> Result<Self::View<'_>>;

    /// Adds the tasks that produce the values.
    fn add_needs(&self, needs: &mut Vec<Arc<Task>>);
}

impl<T: Send + Sync + 'static> Held for ObjectRef<T> {
    type View<'a> = &'a T;

    fn view(&self) -> Result<&T> {
        Ok(self.value()?)
    }

    fn add_needs(&self, needs: &mut Vec<Arc<Task>>) {
        needs.extend(self.producer().cloned());
    }
}

impl<T: Send + Sync + 'static> Held for Vec<ObjectRef<T>> {
    type View<'a> = Vec<&'a T>;

    fn view(&self) -> Result<Vec<&T>> {
        self.iter().map(Held::view).collect()
    }

    fn add_needs(&self, needs: &mut Vec<Arc<Task>>) {
        self.iter().for_each(|object| object.add_needs(needs));
    }
}

/// `&object`, `&vec` and slices.
impl<A: ToOwned<Owned: Held> + ?Sized> Args for &A {
    type Held = A::Owned;

    fn hold(self) -> A::Owned {
        self.to_owned()
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

            fn add_needs(&self, needs: &mut Vec<Arc<Task>>) {
                let ($($name,)*) = self;
                $($name.add_needs(needs);)*
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
