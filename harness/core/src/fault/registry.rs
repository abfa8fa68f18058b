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

        /// The faults that a storm can draw, each of this downtime.
        pub fn in_a_storm(downtime: std::time::Duration) -> Vec<FaultKind> {
            let drawn = [$(<$module::$fault as entry::Fault>::in_a_storm(downtime).map(FaultKind::from)),*];
            drawn.into_iter().flatten().collect()
        }

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

            /// The same, with files that it names relative to this folder.
            #[must_use]
            pub(crate) fn beside(mut self, folder: &std::path::Path) -> Self {
                match &mut self {
                    $(Self::$variant(fault) => entry::Fault::beside(fault, folder),)*
                }
                self
            }

            /// What it leaves its nodes in while it lasts.
            pub fn condition(&self) -> entry::Condition {
                self.fault().condition()
            }

            /// What it ends, if it ends what earlier faults did.
            pub fn ends(&self) -> &'static [entry::Condition] {
                self.fault().ends()
            }

            /// The lines that are not open while it hits these nodes of a network.
            pub fn lines(&self, nodes: &[String], network: &[String]) -> lines::Lines {
                self.fault().lines(nodes, network)
            }

            /// The ways that a probe must try to see it, and how thoroughly.
            pub fn ways(
                &self,
                nodes: &[String],
                network: &[String],
            ) -> (Vec<lines::Way>, $crate::line::Datagrams) {
                self.fault().ways(nodes, network)
            }

            /// What a provider must be able to do for it.
            pub fn needs(&self) -> Vec<entry::Capability> {
                [self.entry().needs, &self.fault().also_needs()].concat()
            }

            /// What is not known of a kind of node without which it cannot be done to one.
            pub fn lacks(&self, profile: &$crate::profile::NodeProfile) -> Option<&'static str> {
                self.fault().lacks(profile)
            }

            /// What its nodes are started as, which must be made ready before anything starts.
            pub fn upgrade(&self) -> Option<&$crate::node::NodeSource> {
                self.fault().upgrade()
            }

            pub(super) fn took_effect(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().took_effect(record)
            }

            pub(super) fn still_holds(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().still_holds(record)
            }

            pub(super) fn held(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().held(record)
            }

            pub(super) fn undone(&self, record: &entry::Record<'_>) -> Result<(), String> {
                self.fault().undone(record)
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

            /// What else is wrong with it.
            fn validate(
                &self,
                nodes: &dyn Fn(&str) -> Vec<String>,
                problems: &mut $crate::document::Problems,
            );
        }

        impl<W: entry::Written<Fault: Into<FaultKind>>> WrittenKind for W {
            fn names(&self) -> Vec<&$crate::document::At<String>> {
                entry::Written::names(self)
            }

            fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> FaultKind {
                entry::Written::resolve(self, nodes).into()
            }

            fn validate(
                &self,
                nodes: &dyn Fn(&str) -> Vec<String>,
                problems: &mut $crate::document::Problems,
            ) {
                entry::Written::validate(self, nodes, problems);
            }
        }
    };
}

pub(super) use registry;
