//! The machine and the build, as a table.

use std::num::NonZero;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::{Bundle, Show, Table, Text};
use crate::platform;
use crate::text::memory;

/// The machine and the build that the lab runs on. Timings can be compared only where these agree.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// The architecture that this was compiled for, such as `x86_64`.
    pub architecture: &'static str,
    /// How many cores this process may use.
    pub cores: usize,
    /// Memory in bytes.
    pub memory: u64,
    /// Memory in bytes that is available without swapping.
    pub memory_available: u64,
    /// Whether this is a virtual machine; `None` where the system does not tell.
    pub virtual_machine: Option<bool>,
    /// The operating system and its version.
    pub os: String,
    /// The compiler.
    pub rust: &'static str,
    /// Whether the code was compiled with debug assertions, which slow it down; so in a kernel that is
    /// not this project's.
    pub debug_assertions: bool,
    /// The libraries that do the lab's work, with their versions.
    pub libraries: &'static [(&'static str, &'static str)],
}

/// Describes the machine and the build.
pub fn machine() -> Machine {
    let ask = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(ask);
    let cpu = system.cpus().first().map_or("", |cpu| cpu.brand()).trim();
    Machine {
        cpu: if cpu.is_empty() { "unknown processor".to_owned() } else { cpu.to_owned() },
        architecture: std::env::consts::ARCH,
        cores: std::thread::available_parallelism().map_or(1, NonZero::get),
        memory: system.total_memory(),
        memory_available: platform::available(&system),
        virtual_machine: platform::virtual_machine(),
        os: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        rust: env!("HELPER_RUSTC"),
        debug_assertions: cfg!(debug_assertions),
        libraries: &[
            ("forest", env!("HELPER_FOREST")),
            ("rayon", env!("HELPER_RAYON")),
            ("smartcore", env!("HELPER_SMARTCORE")),
            ("polars-core", env!("HELPER_POLARS_CORE")),
            ("plotters", env!("HELPER_PLOTTERS")),
        ],
    }
}

impl Machine {
    /// Name and value of each line.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let libraries = self.libraries.iter().map(|(name, version)| format!("{name} {version}"));
        let build = match self.debug_assertions {
            false => "optimised, no debug assertions: timings are those of a release build",
            true => {
                "debug assertions are ON: timings are several times too long, results are the same; open the \
                 notebook with ./scripts/lab for the project's own kernel"
            }
        };
        let guest = match self.virtual_machine {
            Some(true) => {
                "yes: its clock may wander, and others may share its cores; compare only times that were taken in turn"
            }
            Some(false) => "no",
            None => "not known: the system does not tell",
        };
        vec![
            ("Processor", format!("{} ({})", self.cpu, self.architecture)),
            ("Cores to use", self.cores.to_string()),
            ("Memory", format!("{}, {} of it free", memory(self.memory), memory(self.memory_available))),
            ("Virtual machine", guest.to_owned()),
            ("Operating system", self.os.clone()),
            ("Compiler", self.rust.to_owned()),
            ("Libraries", libraries.collect::<Vec<_>>().join(", ")),
            ("Build", build.to_owned()),
        ]
    }
}

impl Show for Machine {
    fn bundle(&self) -> Bundle {
        let rows = self.lines().into_iter().map(|(name, value)| vec![Text::from(name), Text::from(value)]);
        Table::new("This machine", ["", ""]).rows(rows).bundle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_this_machine() {
        let machine = machine();
        assert!(machine.cores >= 1);
        assert!(machine.memory > 0 && machine.memory_available <= machine.memory);
        assert!(machine.rust.starts_with("rustc "));
        for (name, version) in machine.libraries {
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name} {version}");
        }
    }

    #[test]
    fn warns_of_debug_assertions_and_of_a_wandering_clock() {
        let machine = Machine { debug_assertions: true, virtual_machine: Some(true), ..machine() };
        let text = machine.to_string();
        assert!(text.contains("./scripts/lab") && text.contains("its clock may wander"), "{text}");
        assert!(!Machine { virtual_machine: None, ..machine }.to_string().contains("wander"));
    }
}
