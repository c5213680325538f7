"""Records of topic ``bank.interactions.v1`` (CONTRACT §1): known by name, their effect is not built yet."""

INACTIVE = (
    "branch_visit",
    "phone_call",
    "app_session",
    "message",
    "campaign_contact",
    "campaign_response",
    "product_enquiry",
    "complaint_filed",
    "complaint_resolved",
    "satisfaction_rated",
    "identity_verified",
    "trigger_claimed",
    "manager_contact",
)
