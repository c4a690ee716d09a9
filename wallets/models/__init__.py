from wallets.models.customers import Customer, OfflineCopy, Phone, ShadowCounter, SocketTicket

__all__ = ["Customer", "OfflineCopy", "Phone", "ShadowCounter", "SocketTicket"]
