//! Tasks and objects on a real [Ray](https://www.ray.io) cluster.
//!
//! A Rust closure cannot be sent to another machine, so there is no `remote` here: a task is bytes,
//! for the C function of the crate `ray-worker`, which each node loads once. A driver in Python, a
//! child process of this one, speaks with Ray; it ends with the last handle to the cluster, and also
//! where this process is killed.

mod board;
mod driver;
mod folder;
mod link;
mod setup;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use board::Board;
use driver::Driver;
use folder::Folder;
pub use setup::Node;
use setup::{Ready, Setup};
pub(crate) use wire::{Call, Done, Ended};

use crate::cluster::{Cluster, ObjectRef, Tasks};
use crate::error::{Error, Result};

/// How long nothing may come back, unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Ray cluster: made by [`Cluster::ray`] and [`Cluster::ray_local`].
///
/// A clone is another handle to it. Its nodes' CPUs are the workers; a sweep runs on it as on threads,
/// with the same bits.
#[derive(Clone)]
pub struct RayCluster {
    driver: Arc<Driver>,
    ready: Arc<Ready>,
    board: Board,
    patience: Duration,
}

/// A value that was put into a Ray cluster's object store, once for all tasks; made by
/// [`RayCluster::put`], Ray's `ObjectRef`. It is freed with its last handle.
#[derive(Clone)]
pub struct RayRef<T> {
    value: Arc<T>,
    stored: Arc<Stored>,
}

struct Stored {
    driver: Arc<Driver>,
    objects: Vec<u64>,
    seconds: f64,
    bytes: usize,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.objects.iter().for_each(|object| self.driver.forget(*object));
    }
}

/// What can be put into a Ray cluster: it is bytes there.
pub trait Ship {
    /// What a handle to it gives back here.
    type Value: Send + Sync + 'static;

    /// The value, shared.
    ///
    /// # Errors
    /// That of the task which should have given it.
    fn value(&self) -> Result<Arc<Self::Value>>;

    /// What the tasks read, each part an object of its own.
    ///
    /// # Errors
    /// Where the value is nothing that tasks can read.
    fn parts(value: &Self::Value) -> Result<Vec<Vec<u8>>>;
}

impl<T: Ship<Value = T> + Send + Sync + 'static> Ship for ObjectRef<T> {
    type Value = T;

    fn value(&self) -> Result<Arc<T>> {
        self.get()
    }

    fn parts(value: &T) -> Result<Vec<Vec<u8>>> {
        T::parts(value)
    }
}

impl Cluster {
    /// Joins a running Ray cluster; `ray.init(address=...)`. The address is `HOST:PORT`, as `ray start
    /// --head` prints it, or `auto`: that of `RAY_ADDRESS`, else of the cluster that runs on this machine.
    ///
    /// A cluster that asks for a token is joined with what `RAY_AUTH_MODE`, `RAY_AUTH_TOKEN` and
    /// `RAY_AUTH_TOKEN_PATH` say.
    ///
    /// # Errors
    /// [`ErrorKind::NotInstalled`](crate::ErrorKind::NotInstalled) where there is no Ray or no worker
    /// library on this machine, [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where no cluster could be
    /// joined within a minute; the message says what to do.
    pub fn ray(address: &str) -> Result<RayCluster> {
        RayCluster::start(&Setup::of_project()?, Some(address), None)
    }

    /// Starts a Ray cluster of this machine's own, `nodes` raylets with `cpus` CPUs each and Ray's dashboard,
    /// and joins it. Two nodes take 20 to 25 seconds on two cores, and some 900 MB of memory; the cluster
    /// ends with its last handle, or with this process, whatever ends that.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParameter`](crate::ErrorKind::InvalidParameter) for no node or CPU, or more than
    /// 16 nodes or 64 CPUs; else as [`ray`](Self::ray).
    pub fn ray_local(nodes: usize, cpus: usize) -> Result<RayCluster> {
        if !(1..=16).contains(&nodes) {
            return Err(Error::invalid("nodes", nodes, "from 1 to 16"));
        }
        if !(1..=64).contains(&cpus) {
            return Err(Error::invalid("cpus", cpus, "from 1 to 64"));
        }
        let setup = Setup::of_project()?;
        RayCluster::start(&setup, None, Some((nodes, cpus, Folder::new(&setup)?)))
    }
}

impl RayCluster {
    fn start(setup: &Setup, address: Option<&str>, local: Option<(usize, usize, Folder)>) -> Result<Self> {
        let (driver, ready) = Driver::start(setup, address, local)?;
        let board = Board::new(&ready.nodes);
        Ok(Self { driver: Arc::new(driver), ready: Arc::new(ready), board, patience: PATIENCE })
    }

    /// Gives up on a sweep when no task of it has ended for so long; two minutes unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Puts a value where every node can see it; `ray.put`. What the tasks need of it is sent there once;
    /// each node has one copy, which its tasks read where it lies.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`](crate::ErrorKind::Memory) where it does not fit into an object store,
    /// [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the cluster is gone.
    pub fn put<S: Ship>(&self, value: &S) -> Result<RayRef<S::Value>> {
        let value = value.value()?;
        let parts = S::parts(&value)?;
        let bytes = parts.iter().map(Vec::len).sum();
        let mut stored =
            Stored { driver: Arc::clone(&self.driver), objects: Vec::new(), seconds: 0.0, bytes };
        for part in &parts {
            let (object, seconds) = self.driver.put(part, self.patience)?;
            stored.objects.push(object);
            stored.seconds += seconds;
        }
        Ok(RayRef { value, stored: Arc::new(stored) })
    }

    /// The value again; `ray.get`. It never left this process.
    pub fn get<T>(&self, object: &RayRef<T>) -> Arc<T> {
        Arc::clone(&object.value)
    }

    /// How many tasks can run at the same time: the CPUs of all nodes.
    pub fn workers(&self) -> usize {
        self.board.workers()
    }

    /// The nodes, as they were when the cluster was joined; `ray.nodes()`.
    pub fn nodes(&self) -> &[Node] {
        &self.ready.nodes
    }

    /// Where the head listens.
    pub fn address(&self) -> &str {
        &self.ready.address
    }

    /// The address of Ray's own dashboard, where the cluster has one; that of
    /// [`ray_local`](Cluster::ray_local) answers on this machine alone.
    pub fn ray_dashboard(&self) -> Option<&str> {
        self.ready.dashboard.as_deref()
    }

    /// The token of a cluster that was started here: its dashboard asks for it. Who has it can run
    /// anything on the cluster, for as long as that is there.
    pub fn token(&self) -> Option<&str> {
        self.ready.token.as_deref()
    }

    /// How many seconds it took to join the cluster, or to start it.
    pub fn start_seconds(&self) -> f64 {
        self.ready.seconds
    }

    /// Every task so far; `ray list tasks`. Ray does not tell when a task begins, only where and when it ran
    /// once it has: until then the oldest, as many as there are CPUs, count as running.
    pub fn tasks(&self) -> Tasks {
        self.board.cluster().tasks()
    }

    /// This cluster in the lab's dashboard, summary and trace: a [`Cluster`] that only shows.
    pub(crate) fn shown(&self) -> &Cluster {
        self.board.cluster()
    }

    /// Hands in a task; how it ends is told by [`Ended`]s.
    pub(crate) fn submit(&self, call: Call, key: usize, to: &std::sync::mpsc::Sender<Ended>) -> Result<()> {
        self.driver.submit(call, key, to, &self.board)
    }

    /// Waits for the next of the tasks that end.
    ///
    /// # Errors
    /// [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the driver or the cluster is gone, or nothing
    /// has come for too long.
    pub(crate) fn next(&self, from: &std::sync::mpsc::Receiver<Ended>) -> Result<Ended> {
        self.driver.next(from, self.patience)
    }

    /// Takes back every task that has not ended.
    pub(crate) fn cancel(&self) {
        self.driver.cancel();
    }
}

impl<T> RayRef<T> {
    /// The names of its parts.
    pub(crate) fn objects(&self) -> &[u64] {
        &self.stored.objects
    }

    /// How many seconds Ray took to store it.
    pub fn put_seconds(&self) -> f64 {
        self.stored.seconds
    }

    /// How many bytes it takes in an object store.
    pub fn bytes(&self) -> usize {
        self.stored.bytes
    }
}

impl<T> std::ops::Deref for RayRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> std::fmt::Debug for RayRef<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RayRef({} bytes in the object store)", self.bytes())
    }
}

impl std::fmt::Debug for RayCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ready { nodes, address, ray, seconds, .. } = &*self.ready;
        let (n, cpus) = (nodes.len(), self.workers());
        write!(f, "Ray {ray} cluster at {address}: {n} nodes, {cpus} CPUs, there after {seconds:.1} s")
    }
}

/// Where things of the project are that another process needs.
fn project(path: &str) -> PathBuf {
    let helper = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    helper.parent().unwrap_or(helper).join(path)
}
