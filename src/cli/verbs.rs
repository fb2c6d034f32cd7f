//! The operator's verbs.

use std::io::Write;

use crate::cli::Exit;
use crate::cli::client::{ClientError, OperatorClient, RotationVerb};
use crate::domain::ids::{RotationId, TargetName};

/// Rotates a target, as if a reset had come, and says which rotation that began or joined.
pub async fn rotate(
    client: &OperatorClient,
    out: &mut dyn Write,
    target: &TargetName,
) -> Result<RotationId, ClientError> {
    let rotation = client.rotate(target).await?;
    writeln!(out, "{target} is being rotated: {rotation}")?;
    Ok(rotation)
}

/// Says a verb about a rotation, and shows where that leaves it. A rotation that was given up
/// shows what it leaves disabled, as nobody but a person will enable that again.
pub async fn say(
    client: &OperatorClient,
    out: &mut dyn Write,
    id: RotationId,
    verb: RotationVerb,
) -> Result<Exit, ClientError> {
    client.say(id, verb).await?;
    let said = match verb {
        RotationVerb::Retry => "goes on",
        RotationVerb::UseCurrentSecret => "uses Vault's current secret",
        RotationVerb::Abandon => "is given up",
    };
    writeln!(out, "rotation {id} {said}")?;
    if verb == RotationVerb::Abandon {
        let rotation = client.rotation(id).await?;
        for surface in &rotation.left_disabled {
            writeln!(out, "left disabled: {surface}")?;
        }
    }
    Ok(Exit::Well)
}
