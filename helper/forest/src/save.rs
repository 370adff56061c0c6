//! What a saved forest is made of, and whether what is loaded is one.

use crate::tree::{Node, Tree};
use crate::{Error, Forest, Params, Scale};

/// Of what is written. Other versions are refused.
const VERSION: u32 = 1;

/// A forest in a form that any serde format can hold: numbers are whole, or the bits of one.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Saved {
    version: u32,
    params: Params,
    n_rows: usize,
    n_features: usize,
    exponent: i32,
    first: usize,
    trees: Vec<SavedTree>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct SavedTree {
    /// Threshold or value, left child, feature.
    nodes: Vec<(u64, u32, u32)>,
    gains: Vec<u64>,
}

impl From<Forest> for Saved {
    fn from(forest: Forest) -> Saved {
        let save = |tree: Tree| SavedTree {
            nodes: tree.nodes.into_iter().map(Node::to_parts).collect(),
            gains: tree.gains.into_iter().map(f64::to_bits).collect(),
        };
        Saved {
            version: VERSION,
            params: forest.params,
            n_rows: forest.n_rows,
            n_features: forest.n_features,
            exponent: forest.scale.exponent(),
            first: forest.first,
            trees: forest.trees.into_iter().map(save).collect(),
        }
    }
}

impl TryFrom<Saved> for Forest {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Forest, Error> {
        if saved.version != VERSION {
            let found = saved.version;
            return Err(Error::format(format!("it has version {found}, not {VERSION}")));
        }
        let (n_rows, n_features) = (saved.n_rows, saved.n_features);
        saved.params.check(n_rows, n_features)?;
        let scale = Scale::from_exponent(saved.exponent)
            .ok_or_else(|| Error::format(format!("its scale is 2^{}", saved.exponent)))?;
        let end = saved.first.checked_add(saved.trees.len());
        if end.is_none_or(|end| end > saved.params.n_estimators) {
            return Err(Error::format("it has more trees than its n_estimators"));
        }
        let load = |(i, tree): (usize, SavedTree)| {
            tree.load(n_features).ok_or_else(|| Error::format(format!("its tree {i} is damaged")))
        };
        let trees = saved.trees.into_iter().enumerate().map(load).collect::<Result<_, _>>()?;
        Ok(Forest { params: saved.params, n_rows, n_features, scale, first: saved.first, trees })
    }
}

impl SavedTree {
    /// None unless every node is in range and has one parent, which comes before it: then every
    /// walk ends, and ends in a leaf.
    fn load(self, n_features: usize) -> Option<Tree> {
        let n = self.nodes.len();
        let mut parents = vec![0u8; n];
        let mut nodes = Vec::with_capacity(n);
        for (i, parts) in self.nodes.into_iter().enumerate() {
            let node = Node::from_parts(parts, i)?;
            if !node.is_leaf() {
                let children = node.left()..node.left() + 2;
                if node.feature() >= n_features || children.start <= i || children.end > n {
                    return None;
                }
                parents[children].iter_mut().for_each(|p| *p = p.saturating_add(1));
            }
            nodes.push(node);
        }
        let (&root, others) = parents.split_first()?;
        let whole = root == 0 && others.iter().all(|&p| p == 1);
        let gains: Vec<f64> = self.gains.into_iter().map(f64::from_bits).collect();
        let fine = gains.len() == n_features && gains.iter().all(|g| *g >= 0.0 && g.is_finite());
        (whole && fine).then_some(Tree { nodes, gains })
    }
}
