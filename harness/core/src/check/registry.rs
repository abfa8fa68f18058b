//! The registry: makes all checks one closed type, which the plan holds and the executor asks.
//! Expanded in the module above, with one line for each check.

macro_rules! registry {
    ($($variant:ident = $module:ident::$condition:ident,)*) => {
        /// What a check looks for: the condition of one of the registered checks.
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "check", rename_all = "kebab-case")]
        pub enum CheckKind {
            $(#[doc = concat!("See [`", stringify!($module), "`].")]
            $variant($module::$condition),)*
        }

        /// Every check that a scenario may name, in the order in which people read them.
        pub static CHECKS: &[&entry::CheckEntry] = &[$(&$module::ENTRY),*];

        impl CheckKind {
            fn check(&self) -> &dyn entry::Check {
                match self {
                    $(Self::$variant(check) => check,)*
                }
            }
        }

        /// Reads a check's own keys.
        pub(crate) fn read(
            entry: &entry::CheckEntry,
            table: &$crate::document::Table<'_, '_>,
            problems: &mut $crate::document::Problems,
        ) -> Option<Box<dyn WrittenKind>> {
            $(if std::ptr::eq(entry, &$module::ENTRY) {
                return Some(Box::new($module::read(table, problems)?));
            })*
            None
        }

        $(impl From<$module::$condition> for CheckKind {
            fn from(check: $module::$condition) -> Self {
                Self::$variant(check)
            }
        })*

        impl CheckKind {
            /// Judges a view.
            pub fn judge(&self, view: &view::View<'_>) -> view::Judgement {
                self.check().judge(view)
            }

            /// What else there is to know of it.
            pub fn entry(&self) -> &'static entry::CheckEntry {
                self.check().entry()
            }

            /// How many new blocks it waits for, if for any.
            pub fn blocks(&self) -> Option<u64> {
                self.check().blocks()
            }

            /// Nodes beside the named ones, whose block hashes it needs as well.
            pub fn others(&self) -> &[String] {
                self.check().others()
            }

            /// As scenarios write it.
            pub fn name(&self) -> &'static str {
                self.entry().name
            }
        }

        /// What is expected, in words.
        impl std::fmt::Display for CheckKind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.check().fmt(f)
            }
        }

        /// A check's own keys as written, whichever check it is.
        pub(crate) trait WrittenKind: std::fmt::Debug {
            /// Holds what cannot be right where it stands.
            fn validate(&self, place: &entry::Place<'_>, problems: &mut $crate::document::Problems);

            /// What it looks for.
            fn resolve(&self, context: &entry::Context<'_>) -> CheckKind;
        }

        impl<W: entry::Written<Condition: Into<CheckKind>>> WrittenKind for W {
            fn validate(&self, place: &entry::Place<'_>, problems: &mut $crate::document::Problems) {
                entry::Written::validate(self, place, problems);
            }

            fn resolve(&self, context: &entry::Context<'_>) -> CheckKind {
                entry::Written::resolve(self, context).into()
            }
        }
    };
}

pub(super) use registry;
