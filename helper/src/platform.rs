//! The operating system: clocks, memory, the project's folder, atomic writes of files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

use crate::error::{Error, ErrorKind, Result};

/// The folder that holds `Ray.ipynb`, `helper/` and `data/`.
pub(crate) fn project_root() -> &'static Path {
    let helper = Path::new(env!("CARGO_MANIFEST_DIR"));
    helper.parent().unwrap_or(helper)
}

/// `report/` in the project's folder: the files that runs save for people.
pub(crate) fn report_folder() -> PathBuf {
    project_root().join("report")
}

/// Writes a file atomically: a reader sees the old file or the new one, never a part of it, also when two
/// kernels write it at once.
pub(crate) fn write(path: &Path, content: &(impl AsRef<[u8]> + ?Sized)) -> Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let refused = |e: std::io::Error| {
        let message =
            format!("{} cannot be written: {e}; free some disk or make the folder writable", path.display());
        Error::new(ErrorKind::Io, message).caused_by(e)
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_file_name(format!(".{name}.{}.{unique}", std::process::id()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(refused)?;
    }
    let written = std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|e| {
        // The error is about the write; whether the partial file can be removed does not change it.
        let _ = std::fs::remove_file(&partial);
        refused(e)
    })
}

/// Available memory in bytes, within a container's limit.
pub(crate) fn memory_available() -> u64 {
    let refresh = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    available(&System::new_with_specifics(refresh))
}

/// # Errors
/// [`ErrorKind::Memory`] if `what` may need more bytes than are available; `instead` is the remedy.
pub(crate) fn check_memory(what: &str, needed: u64, instead: &str) -> Result<()> {
    let available = memory_available();
    if needed <= available {
        return Ok(());
    }
    let [needed, available] = [needed, available].map(|bytes| bytes as f64 / f64::from(1 << 30));
    let message =
        format!("{what} may need {needed:.1} GiB of memory, but {available:.1} GiB is available; {instead}");
    Err(Error::new(ErrorKind::Memory, message))
}

pub(crate) fn available(system: &System) -> u64 {
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(limit)
}

/// Whether this is a virtual machine; `None` if unknown.
pub(crate) fn virtual_machine() -> Option<bool> {
    // Linux lists the processor's features; x86 has this flag under a hypervisor.
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let flags = cpu.lines().find(|line| line.starts_with("flags"))?;
    Some(flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// The processor time that this thread has used so far.
pub(crate) fn thread_cpu() -> Option<Duration> {
    #[cfg(unix)]
    return clock(libc::CLOCK_THREAD_CPUTIME_ID);
    #[cfg(not(unix))]
    None
}

/// The processor time that all threads of this process have used so far.
pub(crate) fn process_cpu() -> Option<Duration> {
    #[cfg(unix)]
    return clock(libc::CLOCK_PROCESS_CPUTIME_ID);
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn clock(id: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to write to, and is read only after it.
    let status = unsafe { libc::clock_gettime(id, &raw mut time) };
    (status == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Resident memory of this process in bytes.
pub(crate) fn process_memory() -> Option<u64> {
    let pid = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    let refresh = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, refresh);
    system.process(pid).map(sysinfo::Process::memory)
}

/// Peak resident memory of this process in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> Option<u64> {
    // Not `getrusage`: its peak includes the memory of the parent process before `exec`.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Peak resident memory of this process in bytes.
#[cfg(target_vendor = "apple")]
pub(crate) fn peak_memory() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes one `rusage`. All its fields are integers, for which zeroes are valid, so it
    // may be read even if the call failed.
    let (status, usage) =
        unsafe { (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), usage.assume_init()) };
    (status == 0).then_some(usage.ru_maxrss as u64)
}

/// Unknown on other systems.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(crate) fn peak_memory() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_grows_with_work() {
        let before = thread_cpu().unwrap();
        let mut x = 1_u64;
        while thread_cpu().unwrap() - before < Duration::from_millis(5) {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let slept = thread_cpu().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(thread_cpu().unwrap() - slept < Duration::from_millis(25));
    }

    #[test]
    fn memory_and_its_peak_grow_with_use() {
        let (before, peak) = (process_memory().unwrap(), peak_memory().unwrap());
        assert!(before > 1 << 20 && peak < u64::MAX);
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(peak_memory().unwrap() >= 64 << 20);
        assert!(process_memory().unwrap() >= 64 << 20);
        drop(held);
        assert!(peak_memory().unwrap() >= 64 << 20, "a peak stays");
        assert!(process_cpu().unwrap() >= thread_cpu().unwrap());
    }

    #[test]
    fn replaces_whole_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/file.csv");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_refusal_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = write(&dir.path().join("file/below.csv"), "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("below.csv"), "{error}");
    }
}
