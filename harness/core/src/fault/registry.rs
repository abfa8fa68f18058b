//! The registry: makes all faults one closed type, which the plan holds and the executor does.
//! Expanded in the module above, with one line for each fault.

macro_rules! registry {
    ($($variant:ident = $module:ident::$fault:ident,)*) => {
        /// What is done to nodes: one of the registered faults with its own keys.
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "fault", rename_all = "kebab-case")]
        pub enum FaultKind {
            $(#[doc = concat!("See [`", stringify!($module), "`].")]
            $variant($module::$fault),)*
        }

        /// Every fault that a scenario may name, in the order in which people read them.
        pub static FAULTS: &[&entry::FaultEntry] = &[$(&$module::ENTRY),*];

        impl FaultKind {
            fn fault(&self) -> &dyn entry::Fault {
                match self {
                    $(Self::$variant(fault) => fault,)*
                }
            }
        }

        $(impl From<$module::$fault> for FaultKind {
            fn from(fault: $module::$fault) -> Self {
                Self::$variant(fault)
            }
        })*

        /// Reads a fault's own keys.
        pub(crate) fn read(
            entry: &entry::FaultEntry,
            table: &$crate::document::Table<'_, '_>,
            problems: &mut $crate::document::Problems,
        ) -> Option<Box<dyn WrittenKind>> {
            $(if std::ptr::eq(entry, &$module::ENTRY) {
                return Some(Box::new($module::read(table, problems)?));
            })*
            None
        }

        impl FaultKind {
            /// What else there is to know of it.
            pub fn entry(&self) -> &'static entry::FaultEntry {
                self.fault().entry()
            }

            /// As scenarios write it.
            pub fn name(&self) -> &'static str {
                self.entry().name
            }

            /// How it goes.
            pub fn course(&self) -> entry::Course {
                self.fault().course()
            }

            pub(super) fn took_effect(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().took_effect(record)
            }

            pub(super) fn still_holds(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().still_holds(record)
            }

            pub(super) fn has_healed(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().has_healed(record)
            }
        }

        /// A fault's own keys as written, whichever fault it is.
        pub(crate) trait WrittenKind: std::fmt::Debug {
            /// The nodes and groups that it names by keys of its own.
            fn names(&self) -> Vec<&$crate::document::At<String>>;

            /// What it means; `nodes` gives the nodes behind a name.
            fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> FaultKind;
        }

        impl<W: entry::Written<Fault: Into<FaultKind>>> WrittenKind for W {
            fn names(&self) -> Vec<&$crate::document::At<String>> {
                entry::Written::names(self)
            }

            fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> FaultKind {
                entry::Written::resolve(self, nodes).into()
            }
        }
    };
}

pub(super) use registry;
