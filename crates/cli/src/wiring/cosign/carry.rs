//! Images on their way.

use std::path::Path;

use oci::Reference;
use signing::carry::{Carried, CopyPlan, Selection, copy, save};

use super::Client;
use super::attached::{WORKERS, uncarried};
use crate::personas::cosign::carry_ops::{CarryOps, CopyImage, Watch};
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::Target;

impl CarryOps for Client<'_> {
    fn copy(&mut self, request: &CopyImage<'_>, watch: Watch<'_>) -> Result<Carried, Error> {
        let from = self.place(request.from)?;
        let to = self.registry_place(request.to)?;
        let plan = CopyPlan {
            what: request.what,
            name: request.name,
            force: request.force,
            platform: request.platform,
            workers: WORKERS,
            watch,
        };
        self.block_on(async {
            let carried = copy(&from, &to, &plan).await;
            carried.map_err(|error| uncarried(request.from, error))
        })
    }

    fn save(
        &mut self,
        image: &Reference,
        folder: &Path,
        watch: Watch<'_>,
    ) -> Result<Carried, Error> {
        let place = self.place(image)?;
        let folder = self.process.resolve(folder);
        self.block_on(async {
            let saved = save(&place, &folder, WORKERS, watch).await;
            let (_, carried) = saved.map_err(|error| uncarried(image, error))?;
            Ok(carried)
        })
    }

    fn load(&mut self, folder: &Path, to: &Reference, watch: Watch<'_>) -> Result<Carried, Error> {
        let from = self.target(&Target::Folder(folder.to_owned()))?;
        let to = self.registry_place(to)?;
        let plan = CopyPlan {
            what: Selection::ALL,
            name: true,
            // As cosign does: the name is the loaded image's from now on.
            force: true,
            platform: None,
            workers: WORKERS,
            watch,
        };
        self.block_on(async {
            let loaded = copy(&from, &to, &plan).await;
            loaded.map_err(|error| Error::Carry(Box::new(error)))
        })
    }
}
