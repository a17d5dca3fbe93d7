//! The use cases of Sigstore's commands, for a stand-in that has others.

/// In an `impl UseCases`: `cosign`, `images` and `sigstore_trust`, which fail the test.
macro_rules! no_sigstore {
    () => {
        fn cosign<'s>(
            &'s self,
            _: &'s countersign::Session<'_>,
            _: &countersign::personas::cosign::registry::RegistryOptions,
            _: Option<std::time::Duration>,
        ) -> Result<
            Box<dyn countersign::personas::cosign::ops::CosignOps + 's>,
            countersign::personas::cosign::error::Error,
        > {
            panic!("these commands are not cosign's")
        }

        fn images<'s>(
            &'s self,
            _: &'s countersign::Session<'_>,
            _: &countersign::personas::cosign::registry::RegistryOptions,
        ) -> Result<
            Box<dyn countersign::personas::native::image_ops::ImageOps + 's>,
            countersign::personas::cosign::error::Error,
        > {
            panic!("these commands are not our own")
        }

        fn sigstore_trust<'s>(
            &'s self,
            _: &'s countersign::Session<'_>,
        ) -> Result<
            Box<dyn countersign::personas::cosign::trust_ops::SigstoreTrust + 's>,
            countersign::personas::cosign::error::Error,
        > {
            panic!("these commands are not cosign's")
        }
    };
}
