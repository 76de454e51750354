"""What a mapping says, and what follows from it in any CRM; knows no vendor."""
