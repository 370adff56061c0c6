//! One element of a sorted list: which value (its rank), and which row.

use bytemuck::Pod;

/// Rank and row in one integer.
pub(super) trait Entry: Pod {
    /// A table with an element for each row that can be named.
    type Table<T: Copy>: ?Sized;

    /// The length of such a table for that many rows.
    fn table_len(n_rows: usize) -> usize;
    fn table<T: Copy>(slice: &[T]) -> &Self::Table<T>;
    fn table_mut<T: Copy>(slice: &mut [T]) -> &mut Self::Table<T>;
    fn row(self) -> usize;
    fn rank(self) -> usize;
    fn get<T: Copy>(self, table: &Self::Table<T>) -> T;
    fn set<T: Copy>(self, table: &mut Self::Table<T>, value: T);
}

impl Entry for u32 {
    /// Every row number of 16 bits has an element, so none has to be checked.
    type Table<T: Copy> = [T; 1 << 16];

    fn table_len(_: usize) -> usize {
        1 << 16
    }

    #[inline]
    fn table<T: Copy>(slice: &[T]) -> &[T; 1 << 16] {
        slice.try_into().expect("tables have that length")
    }

    #[inline]
    fn table_mut<T: Copy>(slice: &mut [T]) -> &mut [T; 1 << 16] {
        slice.try_into().expect("tables have that length")
    }

    #[inline]
    fn row(self) -> usize {
        usize::from(self as u16)
    }

    #[inline]
    fn rank(self) -> usize {
        (self >> 16) as usize
    }

    #[inline]
    fn get<T: Copy>(self, table: &[T; 1 << 16]) -> T {
        table[usize::from(self as u16)]
    }

    #[inline]
    fn set<T: Copy>(self, table: &mut [T; 1 << 16], value: T) {
        table[usize::from(self as u16)] = value;
    }
}

impl Entry for u64 {
    type Table<T: Copy> = [T];

    fn table_len(n_rows: usize) -> usize {
        n_rows
    }

    #[inline]
    fn table<T: Copy>(slice: &[T]) -> &[T] {
        slice
    }

    #[inline]
    fn table_mut<T: Copy>(slice: &mut [T]) -> &mut [T] {
        slice
    }

    #[inline]
    fn row(self) -> usize {
        self as u32 as usize
    }

    #[inline]
    fn rank(self) -> usize {
        (self >> 32) as usize
    }

    #[inline]
    fn get<T: Copy>(self, table: &[T]) -> T {
        table[self.row()]
    }

    #[inline]
    fn set<T: Copy>(self, table: &mut [T], value: T) {
        table[self.row()] = value;
    }
}
