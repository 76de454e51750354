"""What the contract kit is made of; an adapter's author imports `sync.crm.contract` alone."""
