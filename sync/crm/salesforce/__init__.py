"""Salesforce as a CRM."""
