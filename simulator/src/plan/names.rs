//! Enumerations whose members have names that stay.

/// An enumeration with `ALL`, `name` and `parse`.
macro_rules! named {
    ($(#[doc = $head:literal])* $name:ident { $($(#[doc = $doc:literal])* $member:ident = $word:literal,)* }) => {
        $(#[doc = $head])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $doc])* $member,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$member,)*];

            /// The name in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$member => $word,)*
                }
            }

            /// The one of this name.
            pub fn parse(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

pub(super) use named;
