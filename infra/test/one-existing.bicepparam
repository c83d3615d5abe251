using '../main.bicep'

// One app with a host name of its own that sends mails through a resource that exists already.
param organisation = 'Wingtip Toys'

param mail = {
  service: 'existing'
  url: 'https://wingtiptoys.europe.communication.azure.com'
  sender: 'invitation@guests.wingtiptoys.example'
}

param entrance = {
  hostName: 'join.wingtiptoys.example'
}
