using '../main.bicep'

// Three apps that send mails from a mailbox.
param organisation = 'Wingtip Toys'

param splitIdentities = true

param mail = {
  service: 'graph'
  mailbox: 'guests@wingtiptoys.example'
}
