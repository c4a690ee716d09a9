from django.urls import path

from wallets.portal import demo_phone

urlpatterns = [
    path("demo/phone", demo_phone.phone, name="demo-phone"),
    path("demo/phone/customer", demo_phone.customer, name="demo-phone-customer"),
]
