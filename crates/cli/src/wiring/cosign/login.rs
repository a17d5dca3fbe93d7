//! Logins at registries, where docker keeps them.

use registry::{DockerConfig, config_with_login};
use store::files::{Mode, create_folder, write_durably};
use zeroize::Zeroizing;

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::ops::{Kept, LoginOps};

impl LoginOps for Client<'_> {
    fn keep_login(
        &mut self,
        key: &str,
        username: &str,
        password: &Zeroizing<String>,
    ) -> Result<Kept, Error> {
        let sources = self.config.clone().ok_or(Error::NoHome)?;
        let config = sources.dir.join("config.json");
        let docker = DockerConfig::read(&sources)?;
        let by_helper =
            self.block_on(async { Ok(docker.give_to_helper(key, username, password).await?) })?;
        let login = (!by_helper).then_some((username, password.as_str()));
        let text = config_with_login(&config, key, login)?;
        create_folder(&sources.dir)?;
        // Behind a symbolic link the file that it means is replaced.
        let place = config.canonicalize().unwrap_or_else(|_| config.clone());
        write_durably(&place, &text, Mode::Owner)?;
        Ok(if by_helper {
            Kept::ByHelper { config }
        } else {
            Kept::InFile { config }
        })
    }
}
