//! An enum with the list of all its values, from one place: a list beside it could miss one.

macro_rules! listed {
    ($(#[$enum:meta])* pub enum $name:ident { $($(#[$doc:meta])* $value:ident,)+ }) => {
        $(#[$enum])*
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$(Self::$value),+].len()] = [$(Self::$value),+];
        }
    };
}

pub(crate) use listed;
