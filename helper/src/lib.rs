//! What the cells of `Ray.ipynb` call.
