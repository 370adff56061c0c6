//! Tasks and objects on a real [Ray](https://www.ray.io) cluster.
//!
//! A task is bytes for the C function of the crate `ray-worker`, which each node loads once. A driver
//! in Python, a child process of this one, speaks with Ray. It ends with the last handle to the
//! cluster, and also where this process is killed.

mod call;
mod driver;
#[cfg(test)]
pub(crate) mod fake;
mod lanes;
mod link;
mod protocol;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use call::{Call, Done, Ended, News};
use driver::Driver;
use lanes::Lanes;
pub use protocol::Node;
use protocol::{Local, Ready};
use setup::Setup;

use crate::cluster::{Cluster, Log, ObjectRef, Tasks};
use crate::error::{Error, Result};

/// How long no task may end, unless [`RayCluster::patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Ray cluster; made by [`Cluster::ray`] and [`Cluster::ray_local`]. A clone is another handle to it.
///
/// Its workers are the CPUs of its nodes. [`put`](Self::put), [`get`](Self::get),
/// [`run_on`](crate::Sweep::run_on), [`tasks`](Self::tasks), `summary` and `save_trace` are those of a
/// [`Cluster`], and a sweep gives the same bits.
///
/// Two things differ. A Rust closure cannot be sent to another machine, so there is no `remote`: what
/// runs on Ray are sweeps. And trees stay on the nodes, so [`Keep::All`](crate::sweep::Keep::All) is
/// refused; for `Keep::Best` the best model's trees are grown again in this process.
#[derive(Clone)]
pub struct RayCluster {
    driver: Arc<Driver>,
    ready: Arc<Ready>,
    /// The records of the tasks.
    record: Arc<Log>,
    lanes: Arc<Mutex<Lanes>>,
    patience: Duration,
}

/// A value that was put into a Ray cluster's object store; made by [`RayCluster::put`], Ray's `ObjectRef`.
/// A clone refers to the same value, which is freed with the last reference.
#[derive(Clone)]
pub struct RayRef<T> {
    value: Arc<T>,
    parts: Arc<Parts>,
}

/// What tasks read of a value: objects by name.
struct Parts {
    driver: Arc<Driver>,
    patience: Duration,
    stored: Mutex<BTreeMap<String, Stored>>,
}

struct Stored {
    object: u64,
    seconds: f64,
    bytes: usize,
}

impl Parts {
    fn sum<N: std::iter::Sum>(&self, of: impl Fn(&Stored) -> N) -> N {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).values().map(of).sum()
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let stored = self.stored.get_mut().unwrap_or_else(PoisonError::into_inner);
        stored.values().for_each(|stored| self.driver.forget(stored.object));
    }
}

/// What can be put into a Ray cluster: something that tasks can read as bytes.
pub trait Ship {
    /// What [`RayCluster::get`] gives back.
    type Value: Send + Sync + 'static;

    /// The value, shared.
    ///
    /// # Errors
    /// That of the task which should have given it.
    fn value(self) -> Result<Arc<Self::Value>>;

    /// What tasks read, each part an object of its own, by its name.
    ///
    /// # Errors
    /// Where tasks cannot read the value.
    fn parts(value: &Self::Value) -> Result<Vec<(String, Vec<u8>)>>;
}

/// A value of a [`Cluster`] goes to Ray as it is.
impl<T: Ship<Value = T> + Send + Sync + 'static> Ship for &ObjectRef<T> {
    type Value = T;

    fn value(self) -> Result<Arc<T>> {
        self.get()
    }

    fn parts(value: &T) -> Result<Vec<(String, Vec<u8>)>> {
        T::parts(value)
    }
}

impl Cluster {
    /// Joins a running Ray cluster; `ray.init(address=...)`. The address is `HOST:PORT`, as `ray start
    /// --head` prints it, or `auto`: that of `RAY_ADDRESS`, else of the cluster that runs on this machine.
    /// This machine must be a node of the cluster (`ray start --address=HOST:PORT --num-cpus=0` makes it
    /// one that runs no tasks).
    ///
    /// A cluster that asks for a token is joined with what `RAY_AUTH_MODE`, `RAY_AUTH_TOKEN` and
    /// `RAY_AUTH_TOKEN_PATH` say, or with that in `~/.ray/auth_token`.
    ///
    /// # Errors
    /// [`ErrorKind::NotInstalled`](crate::ErrorKind::NotInstalled) where there is no Ray or no worker
    /// library on this machine, [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the cluster cannot be
    /// joined: what is wrong with the address, the token, this machine or a node is told within ten seconds.
    pub fn ray(address: &str) -> Result<RayCluster> {
        RayCluster::start(&Setup::of_project()?, Some(address), None)
    }

    /// Starts a Ray cluster on this machine, `nodes` raylets with `cpus` CPUs each and Ray's dashboard, and
    /// joins it. Two nodes take some 10 seconds on two cores, and 900 MB of memory. The cluster ends
    /// with its last handle, or with this process, however that ends.
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
        RayCluster::start(&Setup::of_project()?, None, Some(Local { nodes, cpus }))
    }
}

impl RayCluster {
    fn start(setup: &Setup, address: Option<&str>, local: Option<Local>) -> Result<Self> {
        let (driver, ready) = Driver::start(setup, address, local)?;
        let workers = ready.nodes.iter().map(|node| node.cpus).sum();
        Ok(Self {
            driver: Arc::new(driver),
            lanes: Arc::new(Mutex::new(Lanes::new(&ready.nodes))),
            ready: Arc::new(ready),
            record: Log::new(workers),
            patience: PATIENCE,
        })
    }

    /// Gives up on a sweep, or a value, when for so long no task has ended or the value was not stored; two
    /// minutes unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Puts a value where every node can see it; `ray.put`. What tasks need of it is sent there once; each
    /// node has one copy, which its tasks read where it lies.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`](crate::ErrorKind::Memory) where it does not fit into an object store,
    /// [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the cluster is gone.
    pub fn put<S: Ship>(&self, value: S) -> Result<RayRef<S::Value>> {
        let shared = self.share(value.value()?);
        for (name, bytes) in S::parts(&shared.value)? {
            shared.part(&name, || Ok(bytes))?;
        }
        Ok(shared)
    }

    /// A reference to a value of which nothing was stored yet.
    pub(crate) fn share<T>(&self, value: Arc<T>) -> RayRef<T> {
        let (driver, patience) = (Arc::clone(&self.driver), self.patience);
        RayRef { value, parts: Arc::new(Parts { driver, patience, stored: Mutex::default() }) }
    }

    /// The value; `ray.get`. This process has kept it, so it costs nothing.
    ///
    /// # Errors
    /// None today; as for [`Cluster::get`], a value need not be there.
    pub fn get<T>(&self, object: &RayRef<T>) -> Result<Arc<T>> {
        Ok(Arc::clone(&object.value))
    }

    /// How many tasks can run at the same time: the CPUs of all nodes.
    pub fn workers(&self) -> usize {
        self.record.workers()
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

    /// The token of a cluster that was started here, which its dashboard asks for. Whoever has it can run
    /// anything on the cluster.
    pub fn token(&self) -> Option<&str> {
        self.ready.token.as_deref()
    }

    /// How many seconds it took to join the cluster, or to start it.
    pub fn start_seconds(&self) -> f64 {
        self.ready.seconds
    }

    /// Every task so far; `ray list tasks`. Ray does not tell when a task starts, only where and when it ran
    /// once it has ended: until then it is PENDING here.
    pub fn tasks(&self) -> Tasks {
        self.record.tasks()
    }

    /// The records of this cluster's tasks.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.record
    }

    /// Tasks that are submitted, awaited and cancelled together.
    pub(crate) fn batch(&self) -> Batch<'_> {
        let (to, from) = channel();
        Batch { ray: self, tasks: Vec::new(), to: Arc::new(to), from }
    }
}

/// Some of a cluster's tasks. Those that have not ended are cancelled when it is dropped; others are not
/// touched.
pub(crate) struct Batch<'a> {
    ray: &'a RayCluster,
    tasks: Vec<u64>,
    to: Arc<Sender<News>>,
    from: Receiver<News>,
}

impl Batch<'_> {
    /// # Errors
    /// [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the driver or the cluster is gone.
    pub(crate) fn submit(&mut self, call: Call) -> Result<()> {
        let RayCluster { driver, record, lanes, .. } = self.ray;
        self.tasks.push(driver.submit(call, &self.to, record, lanes)?);
        Ok(())
    }

    /// Waits for the next of the tasks to end, or to be lost and tried again.
    ///
    /// # Errors
    /// [`ErrorKind::Cluster`](crate::ErrorKind::Cluster) where the driver or the cluster is gone, or no task
    /// has ended for too long.
    pub(crate) fn next(&self) -> Result<News> {
        self.ray.driver.next(&self.from, self.ray.patience)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.ray.driver.cancel(&self.tasks);
    }
}

impl<T> RayRef<T> {
    pub(crate) fn value(&self) -> &Arc<T> {
        &self.value
    }

    /// The number of the object with this part of the value, which is made and stored where it is not there.
    pub(crate) fn part(&self, name: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<u64> {
        let mut stored = self.parts.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = stored.get(name) {
            return Ok(there.object);
        }
        let bytes = make()?;
        let (object, seconds) = self.parts.driver.put(&bytes, self.parts.patience)?;
        stored.insert(name.to_owned(), Stored { object, seconds, bytes: bytes.len() });
        Ok(object)
    }

    /// How many seconds Ray took to store it.
    pub fn put_seconds(&self) -> f64 {
        self.parts.sum(|stored| stored.seconds)
    }

    /// How many bytes it takes in an object store.
    pub fn bytes(&self) -> usize {
        self.parts.sum(|stored| stored.bytes)
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
