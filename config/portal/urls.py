"""Pages of the floor: the door, one's own account, staff, the audit trail, the demo's mailbox."""

from django.urls import URLPattern, URLResolver, path

from config.portal import (
    home,
    invitations,
    mailbox,
    passwords,
    profile,
    second_factor,
    sign_in,
    staff,
    styleguide,
    trail,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-in/code", sign_in.sign_in_code, name="sign-in-code"),
    path("sign-in/recovery-code", sign_in.recovery_code, name="recovery-code"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("demo/sign-in/<str:token>", sign_in.demo_sign_in, name="demo-sign-in"),
    path("password/forgotten", passwords.forgotten, name="password-forgotten"),
    path("password/reset/<str:token>", passwords.reset, name="password-reset"),
    path("password", passwords.change, name="password-change"),
    path("invitation/<str:token>", invitations.accept, name="accept-invitation"),
    path("second-factor", second_factor.replace, name="second-factor"),
    path("second-factor/link", second_factor.ask_link, name="second-factor-link"),
    path("second-factor/again", second_factor.again, name="second-factor-again"),
    path("second-factor/<str:token>", second_factor.set_up, name="second-factor-set-up"),
    path("recovery-codes", second_factor.codes, name="recovery-codes"),
    path("profile", profile.profile, name="profile"),
    path("sessions", profile.session_list, name="sessions"),
    path("sessions/end-others", profile.session_end_others, name="session-end-others"),
    path("sessions/<int:session_id>/end", profile.session_end, name="session-end"),
    path("tenant", profile.tenant_switch, name="tenant-switch"),
    path("staff", staff.staff, name="staff"),
    path("staff/invite", staff.invite, name="invite"),
    path("staff/<int:membership_id>", staff.member, name="staff-member"),
    path("staff/<int:membership_id>/end", staff.end, name="staff-end"),
    path("staff/<int:membership_id>/reset-factor", staff.reset_factor, name="staff-reset-factor"),
    path(
        "staff/invitations/<int:invitation_id>/withdraw",
        staff.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path("audit", trail.trail_list, name="audit"),
    path("mailbox", mailbox.mailbox, name="mailbox"),
    path("mailbox/<int:mail_id>", mailbox.mail, name="mail"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
]
