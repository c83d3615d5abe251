metadata description = 'A workbook with tables and charts about Guestlist, which the portal shows in the resource group and the workspace.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name in the portal.')
param displayName string

@description('Resource id of the Log Analytics workspace that it queries.')
param workspaceId string

var parts = [
  {
    title: 'From submission to guest'
    query: loadTextContent('../queries/workbook/funnel.kql')
    visualization: 'barchart'
  }
  {
    title: 'Decisions, and the rows that made them'
    query: loadTextContent('../queries/workbook/decisions.kql')
    visualization: 'table'
  }
  {
    title: 'What waits, and since when'
    query: loadTextContent('../queries/workbook/waiting.kql')
    visualization: 'table'
  }
  {
    title: 'How long it took, by day'
    query: loadTextContent('../queries/workbook/duration.kql')
    visualization: 'table'
  }
  {
    title: 'Forms that were not taken, by day'
    query: loadTextContent('../queries/workbook/form.kql')
    visualization: 'table'
  }
  {
    title: 'Unexpected answers of Microsoft Graph'
    query: loadTextContent('../queries/workbook/graph.kql')
    visualization: 'table'
  }
  {
    title: 'Runs of functions'
    query: loadTextContent('../queries/workbook/functions.kql')
    visualization: 'table'
  }
  {
    title: 'Events for admins'
    query: loadTextContent('../queries/workbook/events.kql')
    visualization: 'table'
  }
]

var content = {
  version: 'Notebook/1.0'
  items: concat(
    [
      {
        type: 1
        name: 'about'
        content: {
          json: 'docs/operations.md of Guestlist says what the numbers and lines mean and what to do about them.'
        }
      }
      {
        type: 9
        name: 'parameters'
        content: {
          version: 'KqlParameterItem/1.0'
          style: 'pills'
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          parameters: [
            {
              id: guid(workspaceId, 'TimeRange')
              version: 'KqlParameterItem/1.0'
              name: 'TimeRange'
              label: 'Time range'
              type: 4
              isRequired: true
              value: { durationMs: 604800000 }
              typeSettings: {
                // A day, a week, 30 and 90 days. Azure Resource Manager computes only up to
                // 2147483647.
                selectableValues: [
                  { durationMs: 86400000 }
                  { durationMs: 604800000 }
                  { durationMs: 2592000000 }
                  { durationMs: 7776000000 }
                ]
                allowCustom: true
              }
            }
          ]
        }
      }
    ],
    map(parts, part => {
      type: 3
      name: part.title
      content: {
        version: 'KqlItem/1.0'
        title: part.title
        query: part.query
        size: 0
        timeContextFromParameter: 'TimeRange'
        queryType: 0
        resourceType: 'microsoft.operationalinsights/workspaces'
        crossComponentResources: [workspaceId]
        visualization: part.visualization
        showExportToExcel: true
      }
    })
  )
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'guestlist-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: string(content)
  }
}

@description('Resource id of the workbook.')
output workbookId string = workbook.id
