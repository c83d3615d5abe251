metadata description = 'Log alerts on the log lines that docs/operations.md describes.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('What the names of the alerts begin with.')
param baseName string

@description('Resource id of the Log Analytics workspace that the alerts query.')
param workspaceId string

@description('Mail addresses that receive the alerts.')
param emails string[]

@description('Resource ids of further action groups that receive them.')
param actionGroupIds string[]

// Severity is 0 (critical) to 4 (verbose). The operator LessThan notices silence. The price of an
// alert depends on how often its query runs.
var alerts = [
  {
    name: 'breaker-opened'
    title: 'the tenant takes no invitations'
    query: loadTextContent('../queries/alerts/breaker-opened.kql')
    severity: 1
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT5M'
    window: 'PT10M'
  }
  {
    name: 'poison'
    title: 'a message failed too often'
    query: loadTextContent('../queries/alerts/poison.kql')
    severity: 1
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT5M'
    window: 'PT10M'
  }
  {
    name: 'no-heartbeat'
    title: 'upkeep does not run, so nothing that waits goes on'
    query: loadTextContent('../queries/alerts/no-heartbeat.kql')
    severity: 1
    operator: 'LessThan'
    threshold: 1
    every: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'messages-stuck'
    title: 'messages stay on a queue'
    query: loadTextContent('../queries/alerts/messages-stuck.kql')
    severity: 1
    operator: 'GreaterThan'
    threshold: 2
    every: 'PT5M'
    window: 'PT30M'
  }
  {
    name: 'functions-failed'
    title: 'functions fail again and again'
    query: loadTextContent('../queries/alerts/functions-failed.kql')
    severity: 2
    operator: 'GreaterThan'
    threshold: 5
    every: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'requests-failed'
    title: 'requests ended without their guest, or can not go on'
    query: loadTextContent('../queries/alerts/requests-failed.kql')
    severity: 2
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'mails'
    title: 'mails of the app can not be sent'
    query: loadTextContent('../queries/alerts/mails.kql')
    severity: 2
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'waiting-too-long'
    title: 'requests wait too long'
    query: loadTextContent('../queries/alerts/waiting-too-long.kql')
    severity: 2
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT1H'
    window: 'PT2H'
  }
  {
    name: 'rows'
    title: 'policy rows match nobody, or could not be checked'
    query: loadTextContent('../queries/alerts/rows.kql')
    severity: 2
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
  }
  {
    name: 'no-sweep'
    title: 'nothing is erased, and nobody hears of what waits too long'
    query: loadTextContent('../queries/alerts/no-sweep.kql')
    severity: 2
    operator: 'LessThan'
    threshold: 1
    every: 'PT1H'
    window: 'PT3H'
  }
  {
    name: 'budget'
    title: 'the day\'s invitations are nearly sent, or one domain has had its share'
    query: loadTextContent('../queries/alerts/budget.kql')
    severity: 3
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT15M'
  }
  {
    name: 'attention'
    title: 'an admin has something to do'
    query: loadTextContent('../queries/alerts/attention.kql')
    severity: 3
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT1H'
    window: 'PT1H'
  }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${baseName}'
  // Action groups belong to no region.
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'guestlist'
    emailReceivers: [
      for (email, i) in emails: {
        name: 'mail-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
    name: 'alert-${baseName}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Guestlist: ${alert.title}'
      description: 'For meaning and remedy see docs/operations.md of Guestlist.'
      enabled: true
      severity: alert.severity
      scopes: [workspaceId]
      evaluationFrequency: alert.every
      windowSize: alert.window
      autoMitigate: true
      // A new workspace has its tables only after the first log line.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: {
        actionGroups: concat(actionGroupIds, empty(emails) ? [] : [group.id])
      }
    }
  }
]
