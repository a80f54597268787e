//! The component around an adapter: what every one of them answers alike.

/// Makes the crate a component of the world `provider-adapter`.
///
/// `$adapter` is one cloud as one call sees it: `$adapter::new(&settings, &Host)`,
/// with the functions of `provider.wit` as its own. The crate has
/// `settings::Settings` with `read`, from a table to settings or a text that names
/// the wrong one, and `wants`.
#[macro_export]
macro_rules! component {
    ($adapter:ident, name: $name:literal, summary: $summary:literal) => {
        pub mod component {
            //! What the host calls.
            use $crate::bindings::compute::subnet::settings as table;
            use $crate::bindings::exports::compute::subnet::{plugin, provider};
            use $crate::{Description, Failure, Host, Instance, Offer, Order, Query, Want};

            use super::{$adapter, settings::Settings};

            /// The adapter as a component.
            pub struct Component;

            fn with<T>(
                call: impl FnOnce(&$adapter<'_>) -> Result<T, Failure>,
            ) -> Result<T, Failure> {
                let settings = Settings::read(&table::all()).map_err(Failure::Unsupported)?;
                call(&$adapter::new(&settings, &Host))
            }

            impl plugin::Guest for Component {
                fn describe() -> Description {
                    Description {
                        name: $name.to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        summary: $summary.to_owned(),
                    }
                }

                fn check_settings() -> Result<(), String> {
                    Settings::read(&table::all()).map(|_| ())
                }
            }

            impl provider::Guest for Component {
                fn wants() -> Vec<Want> {
                    Settings::read(&table::all())
                        .map_or_else(|_| Vec::new(), |settings| settings.wants())
                }

                fn offers(query: Query) -> Result<Vec<Offer>, Failure> {
                    with(|cloud| cloud.offers(&query))
                }

                fn provision(order: Order) -> Result<Instance, Failure> {
                    with(|cloud| cloud.provision(&order))
                }

                fn instances() -> Result<Vec<Instance>, Failure> {
                    with(|cloud| cloud.instances())
                }

                fn inspect(id: String) -> Result<Instance, Failure> {
                    with(|cloud| cloud.inspect(&id))
                }

                fn extend(id: String, ends_at: u64) -> Result<Instance, Failure> {
                    with(|cloud| cloud.extend(&id, ends_at))
                }

                fn terminate(id: String) -> Result<(), Failure> {
                    with(|cloud| cloud.terminate(&id))
                }
            }

            #[cfg(target_arch = "wasm32")]
            mod export {
                #![allow(unsafe_code, reason = "generated")]
                use super::Component;
                $crate::bindings::export!(Component with_types_in $crate::bindings);
            }
        }
    };
}
