/** Completes a reset event before it is saved, and has it sent afterwards. */
trigger CredentialResetEvent on Credential_Reset_Event__c(
    before insert,
    before update,
    after insert,
    after update
) {
    if (Trigger.isBefore) {
        ResetEvents.complete(Trigger.new, Trigger.oldMap);
    } else {
        ResetEvents.send(Trigger.new, Trigger.oldMap);
    }
}
